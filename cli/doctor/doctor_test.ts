import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { createServer, implement, learnerService, rewardService } from "@decorum/rpc";
import { VERSION } from "@decorum/service";
import { createLogger } from "@decorum/telemetry";
import { writeCertificates } from "../certificates/folder.ts";
import { certificateFiles } from "../certificates/files.ts";
import { runDecorum } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { tinyT5 } from "../testing/fixtures.ts";
import { certificates } from "./certificates.ts";
import { examine } from "./doctor.ts";
import type { Finding } from "./finding.ts";
import { capacity, clock, denoVersion, memory, threads, writableFolder } from "./machine.ts";
import { model } from "./models.ts";
import { peer, port, sameModel } from "./network.ts";

/** Asserts what one check found. */
function found(finding: Finding | undefined, status: Finding["status"], text: RegExp): void {
  assert.ok(finding, `nothing was found, expected ${text}`);
  assert.equal(finding.status, status, JSON.stringify(finding));
  assert.match(finding.found, text);
  assert.equal(finding.advice === "", status === "ok", "advice where something is wrong");
}

const GiB = 2 ** 30;

Deno.test("doctor: Deno's version, the clock, threads and memory beside what a cgroup allows", () => {
  found(denoVersion("2.9.3"), "ok", /2\.9\.3/);
  found(denoVersion("2.9.6"), "warn", /2\.9\.6/);
  const [early, late] = [new Date("2026-01-01"), new Date("2026-02-01")];
  found(clock(late, early), "ok", /2026-02/);
  found(clock(early, late), "fail", /before 2026-02/);

  using folder = new TemporaryFolder();
  writeFileSync(folder.join("cpu.max"), "150000 100000\n");
  writeFileSync(folder.join("memory.max"), `${2 ** 20}\n`);
  writeFileSync(folder.join("memory.current"), `${2 ** 19}\n`);
  const limited = capacity(folder.path);
  assert.equal(limited.memory, 2 ** 20);
  assert.ok(limited.free <= 2 ** 19 && limited.cpus <= 1.5);
  const open = capacity(folder.join("none"));
  assert.ok(open.free > limited.free && open.cpus === open.cores);

  const room = { cpus: 1.5, cores: 8, memory: 4 * GiB, free: 2 * GiB };
  found(threads("t", 2, room), "ok", /2 threads, 1\.5 CPUs/);
  found(threads("t", 4, room), "warn", /4 threads/);
  found(threads("t", 0, room), "warn", /0, so 8 threads/);
  found(memory("m", GiB, room), "ok", /at least 1\.0 GiB/);
  found(memory("m", 3 * GiB, room), "warn", /2\.0 GiB free of 4\.0 GiB/);
  found(memory("m", 5 * GiB, room), "fail", /at least 5\.0 GiB/);
  found(writableFolder("runs", folder.join("a", "b")), "ok", /free/);
  found(writableFolder("runs", "/proc/1/runs"), "fail", /cannot be written|MiB/);
});

Deno.test("doctor: certificates that fit, and all the ways in which they do not", async () => {
  using folder = new TemporaryFolder();
  const now = new Date();
  const make = (name: string, days = 365, from = now) =>
    writeCertificates({
      folder: folder.join(name),
      trustDomain: "decorum",
      hosts: [],
      days,
      now: from,
    });
  await make("good");
  await make("other");
  await make("short", 5);
  await make("late", 5, new Date(now.getTime() + 86_400_000));
  const files = (name: string) => certificateFiles(folder.join(name), "trainer");
  const look = (changes: Partial<ReturnType<typeof files>>, name = "good", at = now) =>
    certificates("tls", { ...files(name), ...changes }, "spiffe://decorum/trainer", at);

  found(look({})[0], "ok", /spiffe:\/\/decorum\/trainer, until/);
  found(look({ key: files("other").key })[0], "fail", /is not the key of/);
  found(look({ ca: files("other").ca })[0], "fail", /no authority .* has signed/);
  const policy = certificateFiles(folder.join("good"), "policy");
  found(
    look({ cert: policy.cert, key: policy.key })[0],
    "fail",
    /belongs to spiffe:\/\/decorum\/policy/,
  );
  found(look({}, "short")[0], "warn", /in 4 days|in 5 days/);
  found(look({}, "late")[0], "fail", /holds from/);
  found(look({}, "good", new Date(now.getTime() + 400 * 86_400_000))[0], "fail", /has ended on/);
  const missing = look({ cert: folder.join("none.pem"), ca: files("good").key });
  found(missing[0], "fail", /none\.pem: ENOENT/);
  found(missing[1], "fail", /holds no certificate in PEM/);
});

Deno.test("doctor: models that are there, that changed, that are not there", async () => {
  using folder = new TemporaryFolder();
  const base = tinyT5(folder);
  const named = (value: string) => model({ name: "model.name_or_path", value, kind: "model" });
  found((await named(base)).finding, "ok", /MiB, no hashes to check/);
  const config = createHash("sha256").update("{}").digest("hex");
  mkdirSync(folder.join("m"));
  writeFileSync(folder.join("m", "config.json"), "{}");
  found((await named(folder.join("m"))).finding, "fail", /holds no weights/);
  writeFileSync(folder.join("m", "model.safetensors"), "1234");
  writeFileSync(folder.join("m", "SHA256SUMS"), `${config}  config.json\n`);
  const whole = await named(folder.join("m"));
  found(whole.finding, "ok", /1 hashes right/);
  assert.equal(whole.bytes, 4);
  writeFileSync(folder.join("m", "config.json"), "[]");
  found((await named(folder.join("m"))).finding, "fail", /config\.json is not what it was/);
  found((await named(folder.join("none"))).finding, "fail", /there is no/);
  found((await named("decorum-tests/no-such-model")).finding, "warn", /not in the hub's cache/);
});

Deno.test("doctor: ports that are free, held by a stranger, held by a service; peers of every kind", async () => {
  const logger = createLogger({ service: "test", write: () => {} });
  const reward = implement(rewardService, {
    score: () => Promise.reject(new Error("unused")),
    // deno-lint-ignore require-yield -- nobody calls it
    async *scoreStream() {
      throw new Error("unused");
    },
    getInfo: () => Promise.reject(new Error("unused")),
  });
  const start = (version?: string) =>
    createServer({
      address: "127.0.0.1:0",
      services: [reward],
      logger,
      ...(version === undefined ? {} : { version }),
    });
  const [same, older, stranger] = [
    await start(VERSION),
    await start("0.0.1"),
    createTcpServer((socket) => socket.destroy()),
  ];
  for (const one of [same, older]) one.setServing(true);
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const held = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;

  found(await port("listen", held, null), "fail", /held by another process/);
  found(await port("listen", same.address, null), "ok", /held by a service of version/);
  found(await port("listen", "127.0.0.1:0", null), "ok", /any free one/);
  found(await port("listen", "192.0.2.1:50051", null), "fail", /192\.0\.2\.1:50051: listen E/);
  found((await peer("p", same.address, {}))[0], "ok", /serves, version/);
  found((await peer("p", older.address, {}))[0], "warn", /version 0\.0\.1, this is/);
  same.setServing(false);
  found((await peer("p", same.address, {}))[0], "warn", /does not serve yet/);
  found((await peer("p", "no-such-host.invalid:1", {}))[0], "fail", /Cannot resolve/);
  found((await peer("p", "192.0.2.1:1", {}))[0], "fail", /plaintext/);
  const unknown = { service: "learner", address: older.address, call: {} } as const;
  found(await sameModel("p", unknown, "base"), "warn", /does not say which model/);
  await same.drain({ graceMs: 0 });
  found((await peer("p", same.address, {}))[0], "fail", /ECONNREFUSED/);
  found(await port("listen", same.address, null), "ok", /is free/);
  await older.drain({ graceMs: 0 });
  await new Promise((resolve) => stranger.close(resolve));
});

Deno.test("doctor: a learner with the trainer's base model, and with another", async () => {
  const unused = () => Promise.reject(new Error("unused"));
  const info = { baseModelHash: "base", machine: null, runId: "", program: "", weights: [] };
  const learner = implement(learnerService, {
    getInfo: () => Promise.resolve(info),
    ...{ load: unused, putWeights: unused, release: unused },
    // deno-lint-ignore require-yield -- nobody calls it
    async *run() {
      throw new Error("unused");
    },
  });
  const logger = createLogger({ service: "test", write: () => {} });
  const server = await createServer({ address: "127.0.0.1:0", services: [learner], logger });
  server.setServing(true);
  const target = { service: "learner", address: server.address, call: {} } as const;
  found(await sameModel("p", target, "base"), "ok", /serves the trainer's base model/);
  found(await sameModel("p", target, "other"), "fail", /serves another model than model\.name_or/);
  await server.drain({ graceMs: 0 });
});

Deno.test("doctor: a configuration, its faults, and the exit code", async () => {
  using folder = new TemporaryFolder();
  const base = tinyT5(folder);
  const config = folder.join("decorum.yaml");
  const write = (more: string) =>
    writeFileSync(
      config,
      `model: { name_or_path: ${base} }\npolicy:\n  listen: 127.0.0.1:0\n${more}`,
    );
  write("");
  const good = await runDecorum(["doctor", "--config", config]);
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /ok +model\.name_or_path/);
  assert.match(good.stdout, /0 failed$/m);

  write("  provider: cuda\ntrainer: { policy: nowhere }\n");
  const bad = await runDecorum(["doctor", "--config", config, "--json"]);
  assert.equal(bad.code, 1);
  const findings = bad.stdout.trim().split("\n").map((line) => JSON.parse(line) as Finding);
  const of = (check: string) => findings.filter((one) => one.check === check);
  found(of("policy.provider")[0], "fail", /libonnxruntime_providers_cuda\.so/);
  assert.ok(of("trainer").some(({ found }) => /trainer\.data is missing/.test(found)));
  assert.ok(of("trainer").some(({ found }) => /trainer\.policy is "nowhere"/.test(found)));

  const only = await examine({ config, set: [], service: "policy" });
  assert.ok(only.every(({ check }) => !check.startsWith("trainer")));
  const none = await examine({ config: folder.join("none.yaml"), set: [], service: undefined });
  found(none.at(-1), "fail", /there is no such file/);
});
