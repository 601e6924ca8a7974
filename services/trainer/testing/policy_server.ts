import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Generator, type PolicyFeeds } from "@decorum/generation";
import {
  baseModelHash,
  type LoraConfig,
  loraScaling,
  openCheckpoint,
  openPolicyModel,
} from "@decorum/models";
import {
  createServer,
  failedPrecondition,
  implement,
  notFound,
  policyService,
  type policyV1,
} from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";
import { float32, randomKey, type Tensor, tensor, uniforms } from "@decorum/tensor";

interface Held {
  readonly label: policyV1.WeightsVersion__Output;
  readonly feeds: PolicyFeeds;
}

/** What a test does to a policy. */
export interface PolicyFaults {
  /** Called before a group is generated; what it throws is the answer. */
  generate?: (request: policyV1.GenerateRequest__Output) => void | Promise<void>;
  /** Called before a push is opened; what it throws is the answer. */
  begin?: (request: policyV1.BeginWeightsRequest__Output) => void;
  /** Changes an answer on its way out. */
  answer?: (answer: policyV1.GenerateResponse) => policyV1.GenerateResponse;
  /** SHA-256 of a START that the policy was configured with. */
  start?: Uint8Array;
  /** Changes GetModelInfo. */
  info?: policyV1.GetModelInfoResponse;
}

/** A small policy in this process: one batch at a time, weights by run and version. */
export interface TestPolicy extends AsyncDisposable {
  readonly address: string;
  readonly faults: PolicyFaults;
  /** Groups that were generated. */
  readonly groups: policyV1.GenerateRequest__Output[];
  /** Forgets all weights, as a process that began anew. */
  forget(): void;
  /** Makes version 9 the newest of a run, as another trainer would. */
  overtake(runId: string): void;
  /** Newest version and START of a run. */
  held(runId: string): { newest: number; start: boolean };
}

export async function startPolicy(model: string, lora: LoraConfig): Promise<TestPolicy> {
  const description = openPolicyModel(model);
  using index = openCheckpoint(model);
  const runtime = { intraOpThreads: 1 };
  const generator = await Generator.create(
    { model: description, index, lora, valueHead: true },
    runtime,
  );
  const hash = await baseModelHash(model);
  const faults: PolicyFaults = {};
  const groups: policyV1.GenerateRequest__Output[] = [];
  const runs = new Map<string, Map<number, Held>>();
  const pushes = new Map<
    string,
    { request: policyV1.BeginWeightsRequest__Output; bytes: Buffer }
  >();
  let turn = Promise.resolve();
  const newestOf = (runId: string) => Math.max(0, ...runs.get(runId)?.keys() ?? []);

  const handlers = {
    async *generate(request: policyV1.GenerateRequest__Output) {
      await faults.generate?.(request);
      const { runId = "", version = 0 } = request.weights ?? {};
      const weights = runs.get(runId)?.get(version);
      if (!weights) throw notFound(`Cannot use version ${version} of run "${runId}"`);
      const before = turn;
      const done = Promise.withResolvers<void>();
      turn = done.promise;
      await before;
      try {
        groups.push(request);
        const chunks = await complete(generator, request, weights.feeds);
        const answer = { chunks, weights: weights.label };
        yield faults.answer?.(answer) ?? answer;
      } finally {
        done.resolve();
      }
    },
    async beginWeights(request: policyV1.BeginWeightsRequest__Output) {
      await faults.begin?.(request);
      const { runId, expectedVersion, restart } = request;
      if (runs.has(runId) && !restart && expectedVersion !== newestOf(runId)) {
        throw failedPrecondition(`version ${expectedVersion} is not ${newestOf(runId)}`);
      }
      const uploadId = `upload-${pushes.size}`;
      pushes.set(uploadId, { request, bytes: Buffer.alloc(0) });
      return { uploadId, maxChunkBytes: 1000 };
    },
    async uploadWeights(chunks: AsyncIterable<policyV1.UploadWeightsRequest__Output>) {
      let push: { bytes: Buffer } | undefined;
      for await (const { uploadId, data } of chunks) {
        push ??= pushes.get(uploadId);
        if (push) push.bytes = Buffer.concat([push.bytes, data]);
      }
      return { receivedBytes: push?.bytes.length ?? 0 };
    },
    commitWeights({ uploadId }: policyV1.CommitWeightsRequest__Output) {
      const { request, bytes } = pushes.get(uploadId)!;
      const { runId, manifest, expectedVersion, restart } = request;
      const versions = runs.get(runId) ?? new Map<number, Held>();
      if (restart) { for (const v of [...versions.keys()]) if (v > 0) versions.delete(v); }
      const version = manifest!.start ? 0 : expectedVersion + 1;
      const label: policyV1.WeightsVersion__Output = {
        kind: version === 0 ? "WEIGHTS_KIND_START" : "WEIGHTS_KIND_VERSION",
        runId,
        version,
        sha256: createHash("sha256").update(bytes).digest(),
      };
      const scale = float32([], [loraScaling(lora)]);
      versions.set(version, { label, feeds: { ...unpack(manifest!, bytes), lora_scale: scale } });
      runs.set(runId, versions);
      return Promise.resolve({ weights: label });
    },
    abortWeights: () => Promise.resolve({ aborted: false }),
    rollbackWeights: () => Promise.reject(failedPrecondition("not in this test")),
    getVersion({ runId }: policyV1.GetVersionRequest__Output) {
      if (runId === "") {
        const sha256 = faults.start ?? new Uint8Array();
        return Promise.resolve({ held: [{ kind: "WEIGHTS_KIND_START" as const, sha256 }] });
      }
      const versions = runs.get(runId);
      if (!versions) throw notFound(`run "${runId}" is not known`);
      const current = versions.get(newestOf(runId))?.label ?? null;
      return Promise.resolve({ current, held: [...versions.values()].map(({ label }) => label) });
    },
    getModelInfo: () =>
      Promise.resolve({
        baseModelHash: hash,
        modelName: "tiny",
        precision: "fp32",
        ...faults.info,
      }),
  };
  const logger = createLogger({ service: "policy", write: () => {} });
  const server = await createServer({
    address: "127.0.0.1:0",
    services: [implement(policyService, handlers)],
    logger,
  });
  server.setServing(true);
  return {
    address: server.address,
    faults,
    groups,
    forget: () => runs.clear(),
    overtake(runId) {
      const versions = runs.get(runId);
      const newest = versions?.get(newestOf(runId));
      if (newest) versions?.set(9, { ...newest, label: { ...newest.label, version: 9 } });
    },
    held: (runId) => ({ newest: newestOf(runId), start: runs.get(runId)?.has(0) ?? false }),
    async [Symbol.asyncDispose]() {
      await server.drain({ graceMs: 0 });
      await generator[Symbol.asyncDispose]();
    },
  };
}

async function complete(
  generator: Generator,
  { prompts, sampling, seed }: policyV1.GenerateRequest__Output,
  feeds: PolicyFeeds,
): Promise<policyV1.SequenceChunk[]> {
  const settings = {
    doSample: sampling?.doSample ?? false,
    temperature: sampling?.temperature ?? 1,
    topK: sampling?.topK ?? 0,
    topP: sampling?.topP ?? 1,
  };
  const all = prompts.map(({ key, tokenIds, maxNewTokens }) => ({
    ids: tokenIds?.ids ?? [],
    minNewTokens: sampling?.minNewTokens ?? 0,
    maxNewTokens: maxNewTokens ?? sampling?.maxNewTokens ?? 1,
    uniforms: (start: number, count: number) =>
      uniforms(randomKey(seed, "draw", key), start, count),
  }));
  const chunks: policyV1.SequenceChunk[] = [];
  for await (const piece of generator.generate(all, settings, feeds)) {
    chunks.push({
      key: prompts[piece.index]!.key,
      offset: 0,
      tokenIds: [...piece.tokenIds],
      logprobs: [...piece.logprobs],
      values: [...piece.values ?? []],
      finishReason: piece.finishReason === "eos" ? "FINISH_REASON_EOS" : "FINISH_REASON_LENGTH",
    });
  }
  return chunks;
}

function unpack(manifest: policyV1.WeightsManifest__Output, bytes: Buffer): Record<string, Tensor> {
  let at = 0;
  return Object.fromEntries(manifest.tensors.map(({ name, dims }) => {
    const count = dims.reduce((n, d) => n * d, 1);
    const data = new Float32Array(new Uint8Array(bytes.subarray(at, at += 4 * count)).buffer);
    return [name, tensor("float32", dims, data)];
  }));
}
