import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import type { policyV1, RpcError } from "@decorum/rpc";
import { type PackedWeights, packWeights, pushWeights } from "@decorum/fleet";
import { castTensor, float32, type Tensor } from "@decorum/tensor";
import { generate, group, push, type RunningPolicy, startPolicy } from "./testing/fixture.ts";
import { lora, randomWeights, TinyT5 } from "@decorum/testing/t5";

type Begin = policyV1.BeginWeightsRequest;
type Manifest = policyV1.WeightsManifest;

function refuses(code: string, message: RegExp) {
  return (error: RpcError) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

/** Begins a push of random weights; `change` may alter what is sent. */
async function begin(
  { client, policy, hash }: RunningPolicy,
  change: (manifest: Manifest) => Partial<Begin> | void = () => {},
  label = "weights",
): Promise<{ id: string; packed: PackedWeights }> {
  const packed = packWeights(randomWeights(policy.config.model.name_or_path, label), lora);
  const request: Begin = {
    runId: "r1",
    baseModelHash: hash,
    expectedVersion: 1,
    manifest: packed.manifest,
  };
  const { uploadId: id } = await client.beginWeights({
    ...request,
    ...change(packed.manifest) ?? {},
  });
  return { id, packed };
}

function chunk(uploadId: string, bytes: Uint8Array, offset = 0) {
  return { uploadId, offset, data: bytes, crc32: crc32(bytes) };
}

Deno.test("weights on their way in", async (t) => {
  using folder = new TinyT5({ tokenizer: true });
  await using service = await startPolicy(folder.model);
  const { client, hash } = service;
  const first = await push(service, {}, "version 1");
  const before = (await generate(client, group())).sequences;
  const target = { runId: "r1", baseModelHash: hash, expectedVersion: 1 };

  /** Whatever was refused: the policy continues with what it had, and holds no open push. */
  async function unchanged(): Promise<void> {
    const { current } = await client.getVersion({ runId: "r1" });
    assert.deepEqual(current, first);
    assert.deepEqual((await generate(client, group())).sequences, before);
    assert.equal(service.policy.pushes.open, 0);
  }

  const refusedAtBegin = (
    name: string,
    change: (manifest: Manifest) => Partial<Begin> | void,
    code: string,
    message: RegExp,
  ) =>
    t.step(`refused at begin: ${name}`, async () => {
      await assert.rejects(begin(service, change), refuses(code, message));
      await unchanged();
    });
  const invalid = "INVALID_ARGUMENT";
  const failed = "FAILED_PRECONDITION";
  const tensors = (m: Manifest) => m.tensors!;

  await refusedAtBegin(
    "another base",
    () => ({ baseModelHash: "0".repeat(64) }),
    failed,
    /000: this policy holds model, [0-9a-f]{64}/,
  );
  await refusedAtBegin(
    "an old version",
    () => ({ expectedVersion: 0 }),
    failed,
    /newest is 1; .*restart/,
  );
  await refusedAtBegin(
    "a version to come",
    () => ({ expectedVersion: 2 }),
    failed,
    /on version 2 of run "r1": its newest is 1/,
  );
  await refusedAtBegin(
    "a missing tensor",
    (m) => void tensors(m).pop(),
    invalid,
    /1 of \d+ tensors are missing \(first: "v_head.summary.bias"\)/,
  );
  await refusedAtBegin(
    "an extra tensor",
    (m) => void tensors(m).push({ ...tensors(m)[0], name: "extra" }),
    invalid,
    /"extra" is none of the/,
  );
  await refusedAtBegin(
    "a tensor twice",
    (m) => void tensors(m).push(tensors(m)[0]!),
    invalid,
    /is there twice/,
  );
  await refusedAtBegin(
    "a wrong shape",
    (m) => void (tensors(m)[0]!.dims = [16, 3]),
    invalid,
    /lora_A.weight" is \[16, 3\], expected \[3, 16\]/,
  );
  await refusedAtBegin(
    "no type",
    (m) => void (tensors(m)[0]!.dtype = "TENSOR_DTYPE_UNSPECIFIED"),
    invalid,
    /has type TENSOR_DTYPE_UNSPECIFIED/,
  );
  await refusedAtBegin(
    "a short sha256",
    (m) => void (tensors(m)[0]!.sha256 = new Uint8Array(4)),
    invalid,
    /has 4 bytes, expected 32/,
  );
  await refusedAtBegin(
    "another sum of bytes",
    (m) => void (m.totalBytes = 2 ** 40),
    invalid,
    /total_bytes is 1099511627776/,
  );
  await refusedAtBegin(
    "an oversize manifest",
    (m) => void (m.tensors = Array(20_000).fill({ name: "x", dims: [1e9, 1e9] })),
    invalid,
    /"x" is none of the/,
  );
  await refusedAtBegin("no manifest", () => ({ manifest: null }), invalid, /manifest is missing/);
  await refusedAtBegin(
    "another rank",
    (m) => void (m.adapter!.r = 4),
    failed,
    /with r 4, lora_alpha 6.*configured for r 3, lora_alpha 6/,
  );
  await refusedAtBegin(
    "another alpha",
    (m) => void (m.adapter!.loraAlpha = 3),
    failed,
    /lora_alpha 3,/,
  );
  await refusedAtBegin(
    "other targets",
    (m) => void (m.adapter!.targetModules = ["q", "k"]),
    failed,
    /target_modules \[q, k\].*\[q, v\]/,
  );
  await refusedAtBegin(
    "unknown targets",
    (m) => void (m.adapter!.targetModules = ["query"]),
    failed,
    /target_modules \[query\]/,
  );
  await refusedAtBegin(
    "no adapter",
    (m) => void (m.adapter = null),
    failed,
    /with no configuration/,
  );
  await refusedAtBegin("a bad run id", () => ({ runId: "a\nb" }), invalid, /run "a\\nb"/);
  await refusedAtBegin("no run id", () => ({ runId: "" }), invalid, /run ""/);

  await t.step("refused while it is uploaded, and then continues where it was", async () => {
    const { id, packed: { bytes } } = await begin(service);
    const part = bytes.subarray(0, 100);
    const upload = (...chunks: policyV1.UploadWeightsRequest[]) => client.uploadWeights(chunks);
    const flipped = Uint8Array.from(part);
    flipped[50]! ^= 1;
    const bad = { ...chunk(id, part), data: flipped };
    await assert.rejects(upload(bad), refuses("DATA_LOSS", /CRC-32 is 0x[0-9a-f]{8}, expected/));
    await assert.rejects(
      upload(chunk(id, part, 100)),
      refuses("OUT_OF_RANGE", /100 bytes at offset 100 of an upload: 0 of \d+ bytes were received/),
    );
    assert.equal((await upload(chunk(id, part))).receivedBytes, 100);
    await assert.rejects(
      upload(chunk(id, part)),
      refuses("OUT_OF_RANGE", /100 of \d+ bytes were received/),
    );
    await assert.rejects(
      upload(chunk(id, new Uint8Array(2 ** 20 + 1), 100)),
      refuses(invalid, /at most 1048576 bytes/),
    );
    const beyond = new Uint8Array(bytes.length);
    await assert.rejects(
      upload(chunk(id, beyond, 100)),
      refuses("OUT_OF_RANGE", /bytes were received/),
    );
    await assert.rejects(
      upload(chunk("nobody", part)),
      refuses("NOT_FOUND", /push "nobody"/),
    );
    await assert.rejects(
      upload(chunk(id, bytes.subarray(100, 110), 100), chunk("another", part, 110)),
      refuses(invalid, /this call began with/),
    );
    await assert.rejects(
      client.commitWeights({ uploadId: id, expectedVersion: 1 }),
      refuses("DATA_LOSS", /110 of \d+ bytes were received/),
    );
    assert.equal(service.policy.pushes.open, 1);
    assert.deepEqual(await client.abortWeights({ uploadId: id }), { aborted: true });
    assert.deepEqual(await client.abortWeights({ uploadId: id }), { aborted: false });
    await assert.rejects(
      client.commitWeights({ uploadId: id, expectedVersion: 1 }),
      refuses("NOT_FOUND", /begin again/),
    );
    await unchanged();
  });

  await t.step("refused at commit: a flipped byte with a fitting checksum", async () => {
    const { id, packed: { bytes } } = await begin(service);
    const flipped = Uint8Array.from(bytes);
    flipped[1000]! ^= 1;
    await client.uploadWeights([chunk(id, flipped)]);
    await assert.rejects(
      client.commitWeights({ uploadId: id, expectedVersion: 1 }),
      refuses("DATA_LOSS", /the sha256 of tensor "base_model.*" is [0-9a-f]{64}, expected/),
    );
    await unchanged();
  });

  for (const value of [NaN, Infinity, -Infinity]) {
    await t.step(`refused at commit: ${value}`, async () => {
      const weights = randomWeights(folder.model, "bad");
      const [name, { dims, data }] = [...weights][3]!;
      weights.set(name, float32(dims, data.map((x, i) => i === 5 ? value : x)));
      await assert.rejects(
        pushWeights(client, packWeights(weights, lora), target),
        refuses(invalid, new RegExp(`element 5 of tensor "${name}" is ${value}`)),
      );
      await unchanged();
    });
  }

  await t.step("an empty chunk is nothing", async () => {
    const { id } = await begin(service);
    const { receivedBytes } = await client.uploadWeights([chunk(id, new Uint8Array())]);
    assert.equal(receivedBytes, 0);
    await client.abortWeights({ uploadId: id });
  });

  await t.step(
    "of two pushes the first commit wins; a repeated commit answers the same",
    async () => {
      const [a, b] = [await begin(service, undefined, "a"), await begin(service, undefined, "b")];
      await client.uploadWeights([chunk(a.id, a.packed.bytes)]);
      await client.uploadWeights([chunk(b.id, b.packed.bytes)]);
      const won = await client.commitWeights({ uploadId: b.id, expectedVersion: 1 });
      assert.equal(won.weights?.version, 2);
      assert.deepEqual(won.weights?.sha256, Buffer.from(b.packed.sha256));
      await assert.rejects(
        client.commitWeights({ uploadId: a.id, expectedVersion: 1 }),
        refuses("ABORTED", /its newest became version 2 of run "r1"/),
      );
      assert.deepEqual(await client.commitWeights({ uploadId: b.id, expectedVersion: 1 }), won);
      await assert.rejects(
        client.commitWeights({ uploadId: b.id, expectedVersion: 2 }),
        refuses("ABORTED", /begun on version 1/),
      );
      assert.equal(service.policy.pushes.open, 0);
    },
  );

  await t.step("rollback goes back to the version before, once", async () => {
    await assert.rejects(
      client.rollbackWeights({ runId: "r1", expectedVersion: 1 }),
      refuses("ABORTED", /its newest is 2/),
    );
    const { weights } = await client.rollbackWeights({ runId: "r1", expectedVersion: 2 });
    assert.deepEqual(weights, first);
    await unchanged();
    await assert.rejects(
      client.rollbackWeights({ runId: "r1", expectedVersion: 1 }),
      refuses(failed, /no version before it is kept \(2 of a run are\)/),
    );
    await assert.rejects(
      client.rollbackWeights({ runId: "r7", expectedVersion: 1 }),
      refuses("NOT_FOUND", /run "r7"/),
    );
    // The next push makes version 2 again: other weights, another sha256.
    assert.equal((await push(service, { expectedVersion: 1 }, "again")).version, 2);
  });

  await t.step("as many versions as configured are kept", async () => {
    await push(service, { expectedVersion: 2 }, "3");
    const { current, held } = await client.getVersion({ runId: "r1" });
    assert.equal(current?.version, 3);
    const labels = held.map(({ kind, version }) =>
      `${kind.replace("WEIGHTS_KIND_", "")} ${version}`
    );
    assert.deepEqual(labels, ["BASE 0", "START 0", "VERSION 2", "VERSION 3"]);
    await assert.rejects(
      generate(
        client,
        group({ weights: { kind: "WEIGHTS_KIND_VERSION", runId: "r1", version: 1 } }),
      ),
      refuses("NOT_FOUND", /versions held of it are 2, 3/),
    );
  });

  await t.step("restart replaces the run, whatever its version", async () => {
    const made = await push(service, { expectedVersion: 0, restart: true }, "version 1");
    assert.equal(made.version, 1);
    assert.deepEqual(made.sha256, first.sha256);
    const { held } = await client.getVersion({ runId: "r1" });
    assert.deepEqual(held.map(({ version }) => version), [0, 0, 1]);
    await unchanged();
    assert.equal((await push(service, { expectedVersion: 6, restart: true }, "x")).version, 7);
  });

  await t.step(
    "an unknown run takes any version; the run that pushed last is the default",
    async () => {
      await assert.rejects(client.getVersion({ runId: "r2" }), refuses("NOT_FOUND", /run "r2"/));
      const made = await push(service, { runId: "r2", expectedVersion: 41 }, "42");
      assert.equal(made.version, 42);
      const { weights } = await generate(client, group());
      assert.equal(`${weights[0]?.runId} ${weights[0]?.version}`, "r2 42");
      const { current, held } = await client.getVersion({});
      assert.equal(current?.runId, "r2");
      assert.equal(held.length, 4);
      const of = await generate(client, group({ weights: { runId: "r1" } }));
      assert.equal(`${of.weights[0]?.runId} ${of.weights[0]?.version}`, "r1 7");
    },
  );

  await t.step("a START of the run's own", async () => {
    const start = { kind: "WEIGHTS_KIND_START" } as const;
    const common = await generate(client, group({ weights: start }));
    const made = await push(service, { runId: "r3", expectedVersion: 0, start: true }, "start");
    assert.equal(`${made.kind} ${made.runId} ${made.version}`, "WEIGHTS_KIND_START r3 0");
    // As to a policy that was started again: START first, then the version the trainer is at.
    await push(service, { runId: "r3", expectedVersion: 6 }, "seven");
    const own = await generate(client, group({ weights: { ...start, runId: "r3" } }));
    assert.equal(own.weights[0]?.runId, "r3");
    assert.notDeepEqual(own.sequences, common.sequences);
    const other = await generate(client, group({ weights: { ...start, runId: "r1" } }));
    assert.deepEqual(other.sequences, common.sequences);
    const refs = await generate(
      client,
      group({
        weights: { kind: "WEIGHTS_KIND_VERSION", runId: "r3", version: 7 },
        returnRefLogprobs: true,
      }),
    );
    assert(
      Object.values(refs.sequences).some(({ logprobs, refLogprobs }) =>
        logprobs.some((x, i) => Math.abs(x - refLogprobs[i]!) > 1e-3)
      ),
    );
  });

  await t.step("half precision on the wire is widened", async () => {
    const wide = randomWeights(folder.model, "half");
    const narrow = new Map([...wide].map(([name, value]) => [name, castTensor(value, "bfloat16")]));
    const packed = packWeights(narrow as unknown as Map<string, Tensor<"float32">>, lora);
    const manifest: Manifest = {
      ...packed.manifest,
      tensors: packed.manifest.tensors!.map((entry) => ({
        ...entry,
        dtype: "TENSOR_DTYPE_BFLOAT16",
      })),
    };
    const made = await pushWeights(client, { ...packed, manifest }, { ...target, runId: "half" });
    assert.equal(made.version, 2);
    const found = service.policy.store.resolve({ kind: "VERSION", runId: "half", version: 2 });
    for (const [name, value] of narrow) {
      assert.deepEqual(found.feeds[name], castTensor(value, "float32"));
    }
  });
});
