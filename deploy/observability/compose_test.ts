import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const folder = fileURLToPath(new URL("./", import.meta.url));
const read = (name: string) => parse(readFileSync(join(folder, name), "utf8"));

interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: readonly string[];
}

const compose = read("compose.yaml") as {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
};

Deno.test("what the compose file mounts is there, and every image has a version", () => {
  for (
    const [name, { image, volumes, depends_on = [], command = [] }] of Object.entries(
      compose.services,
    )
  ) {
    assert.match(image, /^[\w./-]+:v?\d+\.\d+\.\d+$/, name);
    for (const volume of volumes) {
      const [source] = volume.replace(/\$\{\w+:-(.*?)\}/, "$1").split(":");
      if (source!.startsWith(".")) {
        assert.ok(
          source!.endsWith("logs") || existsSync(join(folder, source!)),
          `${name}: ${source}`,
        );
      } else assert.ok(source! in compose.volumes, `${name}: ${source}`);
    }
    for (const other of depends_on) assert.ok(other in compose.services, other);
    for (const flag of command.filter((flag) => flag.includes("config"))) {
      const file = flag.split("=")[1]!;
      assert.ok(volumes.some((volume) => volume.includes(`:${file}:`)), `${name}: ${file}`);
    }
  }
});

Deno.test("data sources go to services of the compose file, and link to each other", () => {
  const { datasources } = read("../grafana/provisioning/datasources/decorum.yaml") as {
    datasources: { uid: string; type: string; url: string }[];
  };
  const uids = datasources.map(({ uid }) => uid);
  for (const { url } of datasources) assert.ok(new URL(url).hostname in compose.services, url);
  const named = JSON.stringify(datasources).matchAll(/"datasourceUid":"(\w+)"/g);
  for (const [, uid] of named) assert.ok(uids.includes(uid!), `${uid}`);
  for (const type of ["prometheus", "tempo", "loki"]) {
    assert.ok(datasources.some((source) => source.type === type), type);
  }
});

Deno.test("the collector's pipelines are of what it declares, and send to Tempo and Loki", () => {
  const config = read("collector.yaml") as Record<string, Record<string, unknown>> & {
    service: { pipelines: Record<string, Record<string, string[]>> };
  };
  for (const pipeline of Object.values(config.service.pipelines)) {
    for (const [kind, names] of Object.entries(pipeline)) {
      for (const name of names) assert.ok(name in config[kind]!, `${kind}: ${name}`);
    }
  }
  const jobs = read("prometheus.yaml").scrape_configs.map((job: { job_name: string }) =>
    job.job_name
  );
  for (const job of ["policy", "reward", "evaluator", "trainer"]) {
    assert.ok(jobs.includes(job), job);
  }
  assert.equal(read("tempo.yaml").server.http_listen_port, 3200);
  assert.equal(read("loki.yaml").server.http_listen_port, 3100);
});
