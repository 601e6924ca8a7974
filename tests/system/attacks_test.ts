import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import {
  askHealth,
  type ClientTls,
  createClient,
  policyService,
  type RpcClient,
  type RpcError,
  tokenHash,
  trainerService,
} from "@decorum/rpc";
import { exportClassifierOnnx, Judge } from "@decorum/scoring";
import { packWeights, pushWeights } from "@decorum/fleet";
import { writeCertificates } from "../../cli/certificates/folder.ts";
import { issueCertificate } from "../../cli/certificates/issue.ts";
import { certificateFiles, type Holder } from "../../cli/certificates/files.ts";
import { settings } from "../../services/policy/testing/fixture.ts";
import { lora, randomWeights, TinyT5 } from "@decorum/testing/t5";
import { type GuardedService, refuseToStart, startGuarded } from "./testing/guarded_service.ts";
import { freeAddress } from "@decorum/testing/ports";

const policyId = "spiffe://decorum/policy";
const days = { trustDomain: "decorum", hosts: [], days: 1, now: new Date() };

/** Files of a holder as a client's TLS, expecting the policy. */
function tlsOf(folder: string, holder: Holder, serverIdentity = policyId): ClientTls {
  const { ca, cert, key } = certificateFiles(folder, holder);
  return { caFile: ca, certFile: cert, keyFile: key, serverIdentity };
}

/** What a call was refused with; "OK" when it was not. */
async function codeOf(call: () => Promise<unknown>): Promise<string> {
  return await call().then(() => "OK", (error: RpcError) => error.code);
}

async function drain(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

/** Every method of the policy, called with nothing in particular. */
function everyCall(client: RpcClient<typeof policyService>): (() => Promise<unknown>)[] {
  const options = { deadlineMs: 15_000 };
  return [
    () => client.beginWeights({}, options),
    () => client.uploadWeights([{ uploadId: "x" }], options),
    () => client.commitWeights({}, options),
    () => client.abortWeights({}, options),
    () => client.rollbackWeights({}, options),
    () => drain(client.generate({}, options)),
    () => client.getVersion({}, options),
    () => client.getModelInfo({}, options),
  ];
}

function denials(service: GuardedService): Record<string, unknown>[] {
  return service.log().filter(({ audit, message }) => audit === true && message === "call denied");
}

Deno.test("attacks on a policy: all are refused and on record, and its weights stay", async (t) => {
  using model = new TinyT5({ tokenizer: true });
  const certs = join(model.path, "certs");
  await writeCertificates({ folder: certs, ...days });
  const tokens = join(model.path, "tokens");
  writeFileSync(tokens, `${tokenHash("dashboard's")}  client/dashboard\n`);
  const health = await freeAddress();
  const metrics = await freeAddress();
  await using policy = await startGuarded("policy", [
    ...settings(model.model),
    `policy.tls=${JSON.stringify(certificateFiles(certs, "policy"))}`,
    `policy.tokens=${tokens}`,
    `policy.allowed_folders=["${model.path}"]`,
    `policy.health_listen=${health}`,
    `policy.metrics_listen=${metrics}`,
    // Nobody is there; calls have trace ids all the same.
    "telemetry.otlp_endpoint=http://127.0.0.1:9",
    "telemetry.log_format=json",
    // The audit log does not depend on it.
    "telemetry.log_level=error",
  ]);
  const { address } = policy;
  const connect = (tls: ClientTls, token?: string) =>
    createClient(policyService, { address, tls, ...(token === undefined ? {} : { token }) });
  using trainer = connect(tlsOf(certs, "trainer"));
  const { baseModelHash } = await trainer.getModelInfo({});
  const weights = packWeights(randomWeights(model.model, "good"), lora);
  const target = { runId: "r1", baseModelHash, expectedVersion: 0 };
  await pushWeights(trainer, weights, target);
  const held = async () => {
    const { current, held } = await trainer.getVersion({ runId: "r1" });
    return `${current?.version} ${current?.sha256.toString("hex")} ${held.length}`;
  };
  const before = await held();

  await t.step("without certificate or token: nothing but health", async () => {
    using nobody = connect({
      caFile: certificateFiles(certs, "policy").ca,
      serverIdentity: policyId,
    });
    for (const call of everyCall(nobody)) assert.equal(await codeOf(call), "UNAUTHENTICATED");
    const seen = new Set(denials(policy).map(({ rpc_method }) => rpc_method));
    assert.equal(seen.size, everyCall(nobody).length, [...seen].join());
    assert.equal(denials(policy)[0]?.["outcome"], "unauthenticated");
    assert.match(String(denials(policy)[0]?.["peer"]), /^127\.0\.0\.1:\d+$/);
    assert.equal((await askHealth({ address: health })).serving, true);
    // The health port has no other service, and the other port no plaintext.
    using elsewhere = createClient(policyService, { address: health });
    assert.equal(await codeOf(() => elsewhere.getModelInfo({})), "UNIMPLEMENTED");
    using plain = createClient(policyService, { address });
    assert.equal(await codeOf(() => plain.getVersion({}, { deadlineMs: 15_000 })), "UNAVAILABLE");
  });

  await t.step("a wrong token, another authority, a certificate without SPIFFE id", async () => {
    using guesser = connect({ caFile: certificateFiles(certs, "policy").ca }, "guess");
    const forged = join(model.path, "forged");
    await writeCertificates({ folder: forged, ...days });
    using forger = connect({
      ...tlsOf(forged, "trainer"),
      caFile: certificateFiles(certs, "policy").ca,
    });
    const nameless = join(model.path, "nameless");
    const authority = {
      cert: readFileSync(join(certs, "ca.pem"), "utf8"),
      key: readFileSync(join(certs, "ca.key"), "utf8"),
    };
    const { cert, key } = await issueCertificate(authority, "trainer", ["trainer.example"], {
      from: new Date(),
      days: 1,
    });
    writeFileSync(`${nameless}.pem`, cert);
    writeFileSync(`${nameless}.key`, key);
    using anonymous = connect({
      ...tlsOf(certs, "trainer"),
      certFile: `${nameless}.pem`,
      keyFile: `${nameless}.key`,
    });
    const begin = (client: typeof trainer) =>
      codeOf(() =>
        client.beginWeights({ ...target, manifest: weights.manifest }, { deadlineMs: 15_000 })
      );
    assert.equal(await begin(guesser), "UNAUTHENTICATED");
    assert.match(await begin(forger), /^(UNAUTHENTICATED|UNAVAILABLE)$/);
    assert.equal(await begin(anonymous), "UNAUTHENTICATED");
  });

  await t.step("another service's identity, and a client's token, push nothing", async () => {
    const others: [string, typeof trainer][] = [
      ...(["evaluator", "reward", "policy", "operator", "client"] as const).map((holder) =>
        [
          `spiffe://decorum/${holder === "client" ? "client/default" : holder}`,
          connect(tlsOf(certs, holder)),
        ] as [string, typeof trainer]
      ),
      [
        "spiffe://decorum/client/dashboard",
        connect({ caFile: certificateFiles(certs, "policy").ca }, "dashboard's"),
      ],
    ];
    for (const [identity, client] of others) {
      using it = client;
      for (const call of everyCall(it).slice(0, 5)) {
        assert.equal(await codeOf(call), "PERMISSION_DENIED", identity);
      }
      const last = denials(policy).at(-1)!;
      assert.equal(last["identity"], identity);
      assert.equal(last["outcome"], "denied");
      assert.match(String(last["trace_id"]), /^[0-9a-f]{32}$/);
    }
  });

  await t.step("replayed and reordered chunks, oversized manifests", async () => {
    const { bytes, manifest } = weights;
    const next = { ...target, expectedVersion: 1 };
    const begin = () => trainer.beginWeights({ ...next, manifest });
    const chunk = (offset: number, end: number) => {
      const data = bytes.subarray(offset, end);
      return { offset, data, crc32: crc32(data) };
    };
    const half = bytes.length >> 1;
    const [first, second] = [chunk(0, half), chunk(half, bytes.length)];
    const upload = async (uploadId: string, ...chunks: object[]) =>
      await codeOf(() => trainer.uploadWeights(chunks.map((one) => ({ uploadId, ...one }))));
    const { uploadId } = await begin();
    assert.equal(await upload(uploadId, second, first), "OUT_OF_RANGE", "reordered");
    assert.equal(await upload(uploadId, first, first), "OUT_OF_RANGE", "replayed");
    assert.equal(await upload(uploadId, { ...second, crc32: 1 }), "DATA_LOSS", "altered");
    assert.equal(await upload(uploadId, { ...second, offset: 2 ** 50 }), "OUT_OF_RANGE");
    const commit = (id: string) =>
      codeOf(() => trainer.commitWeights({ uploadId: id, expectedVersion: 1 }));
    assert.equal(await commit(uploadId), "DATA_LOSS", "half of it");
    await trainer.abortWeights({ uploadId });
    assert.equal(await upload(uploadId, first), "NOT_FOUND", "after its end");
    assert.equal(await commit(uploadId), "NOT_FOUND");

    const [tensor, ...rest] = manifest.tensors!;
    const huge = { ...tensor!, dims: [2 ** 31, 2 ** 31] };
    const refused = async (tensors: object[], totalBytes = manifest.totalBytes!) =>
      await codeOf(() =>
        trainer.beginWeights({ ...next, manifest: { ...manifest, tensors, totalBytes } })
      );
    assert.equal(await refused([huge, ...rest]), "INVALID_ARGUMENT");
    assert.equal(await refused([tensor!, ...rest], 2 ** 52), "INVALID_ARGUMENT");
    const many = Array.from({ length: 50_000 }, (_, i) => ({ ...tensor!, name: `${i}` }));
    assert.equal(await refused(many), "INVALID_ARGUMENT");
    const path = { ...tensor!, name: "../../../etc/passwd" };
    assert.equal(await refused([path, ...rest]), "INVALID_ARGUMENT");
    assert.equal(
      await codeOf(() => trainer.beginWeights({ ...next, runId: "../r1", manifest })),
      "INVALID_ARGUMENT",
    );
    // A stale trainer's push, and the same one twice.
    assert.equal(await codeOf(() => pushWeights(trainer, weights, target)), "FAILED_PRECONDITION");
  });

  assert.equal(await held(), before);
  assert.equal(before.split(" ")[1], createHash("sha256").update(weights.bytes).digest("hex"));
  const audit = policy.log().filter(({ audit }) => audit === true);
  const of = (message: string) => audit.filter((line) => line["message"] === message);
  assert.equal(of("CommitWeights done").length, 1);
  assert.equal(of("CommitWeights done")[0]?.["identity"], "spiffe://decorum/trainer");
  assert.equal(of("CommitWeights done")[0]?.["version"], 1);
  assert.equal(of("UploadWeights refused").length, 5);
  assert.equal(of("CommitWeights refused").length, 2);
  assert.equal(of("BeginWeights refused").length, 6);
  const shown = await (await fetch(`http://${metrics}/metrics`)).text();
  for (const reason of ["unauthenticated", "denied"]) {
    const line = new RegExp(
      `^decorum_rpc_server_refused_calls_total\\{.*CommitWeights".*reason="${reason}"\\} [1-9]`,
      "m",
    );
    assert.match(shown, line);
  }
});

Deno.test("attacks on a trainer: nobody but an operator starts runs, and none reads what it may not", async () => {
  using model = new TinyT5({ tokenizer: true });
  const certs = join(model.path, "certs");
  await writeCertificates({ folder: certs, ...days });
  const runs = join(model.path, "runs");
  const data = join(model.path, "data.jsonl");
  writeFileSync(data, `{"dialogue":"a b"}\n`);
  await using trainer = await startGuarded("trainer", [
    "trainer.listen=127.0.0.1:0",
    `model.name_or_path=${model.model}`,
    `trainer.data={train: "${data}", prompt: "{dialogue}"}`,
    `trainer.runs=${runs}`,
    `trainer.tls=${JSON.stringify(certificateFiles(certs, "trainer"))}`,
    `trainer.allowed_folders=["${model.path}"]`,
    "telemetry.log_format=json",
  ]);
  const connect = (holder: Holder) =>
    createClient(trainerService, {
      address: trainer.address,
      tls: tlsOf(certs, holder, "spiffe://decorum/trainer"),
    });
  for (const holder of ["policy", "trainer", "evaluator", "client"] as const) {
    using other = connect(holder);
    for (const call of [() => other.startRun({}), () => other.stop({}), () => other.listRuns({})]) {
      assert.equal(await codeOf(call), "PERMISSION_DENIED", holder);
    }
  }
  using operator = connect("operator");
  const start = (config: object, runId = "r1") =>
    codeOf(() => operator.startRun({ runId, configJson: JSON.stringify(config) }));
  for (
    const config of [
      { model: { name_or_path: "/etc" } },
      { model: "../../../../etc" },
      { model: `${model.model}/../../..` },
      { model: { start_adapter: "/root" } },
      { data: { train: "/etc/passwd" } },
      { data: { eval: "/proc/self/environ" } },
      { runs: "/tmp" },
      { policy: ["198.51.100.1:50051"] },
    ]
  ) assert.equal(await start(config), "INVALID_ARGUMENT", JSON.stringify(config));
  for (const runId of ["../r1", "/tmp/r1", "r1/../../x", ".."]) {
    assert.equal(await start({}, runId), "INVALID_ARGUMENT", runId);
  }
  assert.deepEqual((await operator.listRuns({})).runs, []);
  assert.deepEqual(readdirSync(runs).filter((name) => !name.startsWith("decorum.db")), []);
  const refused = trainer.log().filter(({ message }) => message === "StartRun refused");
  assert.equal(refused.length, 12);
  assert(refused.every(({ identity }) => identity === "spiffe://decorum/operator"));
  assert.match(String(refused[0]?.["reason"]), /"\/etc" lies outside what this service may read/);
});

Deno.test("plaintext that others could read, and files that do not fit, keep a service from starting", async () => {
  using model = new TinyT5();
  const certs = join(model.path, "certs");
  await writeCertificates({ folder: certs, ...days });
  const refuse = async (pattern: RegExp, ...set: string[]) => {
    const { code, errors } = await refuseToStart("policy", [...settings(model.model), ...set]);
    assert.equal(code, 2, errors);
    assert.match(errors, pattern);
  };
  const files = certificateFiles(certs, "policy");
  const strange = { ...files, key: certificateFiles(certs, "reward").key };
  await Promise.all([
    refuse(/Cannot listen on 0\.0\.0\.0:0 in plaintext/, "policy.listen=0.0.0.0:0"),
    refuse(/is not the key of the certificate/, `policy.tls=${JSON.stringify(strange)}`),
    refuse(/nobody can prove one/, "policy.authorization={tei.v1.Info/*: [client/a]}"),
  ]);
});

Deno.test("a judge whose ONNX file names weights outside of its folder, or links to them, is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-judge-"));
  try {
    const judge = join(folder, "deep", "judge");
    exportClassifierOnnx(fileURLToPath(new URL("../../demo/models/judge", import.meta.url)), judge);
    const model = join(judge, "onnx", "model.onnx");
    const data = `${model}_data`;
    copyFileSync(data, join(folder, "s.data"));
    const graph = readFileSync(model);
    // As long as the name it takes the place of, so that the file stays a valid protobuf.
    const altered = graph.toString("latin1").replaceAll("model.onnx_data", "../../../s.data");
    writeFileSync(model, altered, "latin1");
    await assert.rejects(Judge.load(judge), /escapes model directory/);
    writeFileSync(model, graph);
    rmSync(data);
    symlinkSync(join(folder, "s.data"), data);
    await assert.rejects(Judge.load(judge), /escapes model directory/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
