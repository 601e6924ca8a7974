import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { denoFlags, servicePermissions } from "./permissions.ts";
import { serviceNames } from "@decorum/settings";

/** Settings with which every service has what it needs. */
function settings(folder: string): string[] {
  return [
    `model.name_or_path=${folder}/models/t5`,
    `reward.model=${folder}/models/roberta`,
    `evaluator.toxicity.model=${folder}/models/roberta`,
    `trainer.data={train: "${folder}/models/data.jsonl", prompt: "{dialogue}"}`,
    `trainer.runs=${folder}/runs`,
    ...serviceNames.map((name) => `${name}.allowed_folders=["${folder}/models"]`),
  ];
}

Deno.test("permissions: folders, addresses and programs that the settings name, and no others", () => {
  const set = [
    ...settings("/srv"),
    'policy.tls={cert: "/certs/tls.crt", key: "/certs/tls.key", ca: "/ca/ca.crt"}',
    "policy.health_listen=0.0.0.0:50061",
    "reward.http_listen=127.0.0.1:8080",
    "evaluator.policy=policy:50051",
    "telemetry.otlp_endpoint=http://collector:4318",
  ];
  const policy = servicePermissions("policy", { set });
  assert.deepEqual(policy.net.slice(0, 3), [
    ...["127.0.0.1:50051", "0.0.0.0:50061", "collector"],
  ]);
  for (const path of ["/srv/models/t5", "/srv/models", "/certs", "/ca"]) {
    assert(policy.read?.includes(path), path);
  }
  assert.deepEqual(policy.run, []);
  assert(policy.ffi.some((folder) => /onnxruntime-node@[\d.]+$/.test(folder)));
  assert(servicePermissions("reward", { set }).net.includes("127.0.0.1:8080"));
  const { net } = servicePermissions("evaluator", { set });
  assert(
    net.includes("policy") && net.includes("10.0.0.0/8:50051") && !net.includes("policy:50051"),
  );
  const trainer = servicePermissions("trainer", { set });
  assert(trainer.write.includes("/srv/runs"));
  assert(!policy.write.includes("/srv/runs"));
  const anywhere = [...set, "trainer.allowed_folders=null"];
  assert.equal(servicePermissions("trainer", { set: anywhere }).read, null);
  const hub = servicePermissions("policy", {
    set: [...set, "model.name_or_path=google/flan-t5-base"],
  });
  assert(hub.net.includes("huggingface.co:443"));
  assert(!policy.net.some((one) => one.includes("huggingface")));
});

Deno.test("permissions: an evaluator may ask and start what the terms that it measures need", () => {
  const terms = [
    "{ name: a, kind: classifier }",
    "{ name: b, kind: openrlhf, address: 'http://198.51.100.7:5000/get_reward', token_file: /secrets/token }",
    "{ name: c, kind: code, module: /home/me/my_reward.ts }",
  ];
  const set = [
    ...settings("/srv"),
    "trainer.reward=10.0.0.9:50052",
    `trainer.rewards=[${terms.join(", ")}]`,
  ];
  for (const name of ["trainer", "evaluator"] as const) {
    const { net, read, run } = servicePermissions(name, { set });
    for (const address of ["10.0.0.9:50052", "198.51.100.7:5000"]) {
      assert.ok(net.includes(address), `${name}: ${address}`);
    }
    const module = name === "trainer" ? "/home/me" : "/home/me/my_reward.ts";
    for (const path of ["/secrets", module]) assert.ok(read?.includes(path), path);
    assert.deepEqual(run, [process.execPath]);
  }
  const none = servicePermissions("evaluator", { set: [...set, "evaluator.rewards=[]"] });
  assert.ok(!none.net.includes("10.0.0.9:50052") && none.run.length === 0);
});

Deno.test("permissions: the page of runs reads one folder and opens one address", () => {
  const set = ["ui.runs=/srv/runs", "ui.listen=127.0.0.1:8080", "ui.tokens=/etc/decorum/tokens"];
  const page = servicePermissions("ui", { set });
  assert.deepEqual(page.net, ["127.0.0.1:8080"]);
  assert.deepEqual([page.write, page.ffi, page.run], [[], [], []]);
  assert.deepEqual(page.read?.slice(-2), ["/srv/runs", "/etc/decorum"]);
  const far = servicePermissions("ui", { set: ["ui.runs=null", "ui.trainer=10.0.0.7:50054"] });
  assert.deepEqual(far.net, ["127.0.0.1:8080", "10.0.0.7:50054"]);
  assert.ok(!far.read?.some((path) => path.includes("runs")));
});

/** Tries what a service has no business with; each line says what came of it. */
const PROBE = `
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { spawn } from "node:child_process";
import process from "node:process";
const [inside, outside, port] = process.argv.slice(2);
const attempt = async (what, work) => {
  try { await work(); console.log(what + ": done"); }
  catch (error) { console.log(what + ": " + error.name); }
};
const reach = (port) => new Promise((resolve, reject) => {
  const socket = connect({ host: "127.0.0.1", port: Number(port) }, () => { socket.destroy(); resolve(); });
  socket.on("error", reject);
});
await attempt("read inside", () => readFileSync(inside));
await attempt("read outside", () => readFileSync(outside));
await attempt("read password", () => readFileSync("/etc/passwd"));
await attempt("write inside", () => writeFileSync(inside, ""));
await attempt("write code", () => writeFileSync(process.argv[1], ""));
await attempt("connect", () => reach(port));
await attempt("fetch", () => fetch("http://198.51.100.1/"));
await attempt("start", () => new Promise((resolve, reject) => spawn("true").on("error", reject).on("close", resolve)));
process.exit(0);
`;

Deno.test("permissions: a process that has them can neither read, write, connect nor start anything else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-permissions-"));
  const server = createServer((socket) => socket.destroy());
  try {
    mkdirSync(join(folder, "models"));
    const inside = join(folder, "models", "config.json");
    const outside = join(folder, "secret");
    for (const file of [inside, outside]) writeFileSync(file, "{}");
    const probe = join(folder, "probe.mjs");
    writeFileSync(probe, PROBE);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    for (const name of ["policy", "trainer"] as const) {
      const flags = denoFlags(servicePermissions(name, { set: settings(folder) }));
      const lines = await run([...flags, probe, inside, outside, `${port}`]);
      assert.deepEqual(lines, [
        "read inside: done",
        ...["read outside", "read password", "write inside", "write code", "connect", "fetch"]
          .map((what) => `${what}: NotCapable`),
        "start: NotCapable",
      ], name);
    }
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

async function run(args: readonly string[]): Promise<string[]> {
  const child = spawn(process.execPath, ["run", "--no-config", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text));
  await new Promise((resolve) => child.on("close", resolve));
  return output.trim().split("\n");
}
