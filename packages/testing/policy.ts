/** The one fake policy: the real protocol, in this process; a test decides what it answers and how it fails. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  createServer,
  failedPrecondition,
  implement,
  notFound,
  policyService,
  type policyV1,
} from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";
import { type Tensor, tensor } from "@decorum/tensor";

/** Weights that were pushed, or that a test put there. */
export interface HeldWeights {
  readonly label: policyV1.WeightsVersion__Output;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Generates a group under some weights: what is yielded becomes a message of the answer. */
export type Complete = (
  request: policyV1.GenerateRequest__Output,
  weights: HeldWeights,
) => AsyncIterable<policyV1.SequenceChunk[]>;

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

/** One batch at a time, weights by run and version. */
export interface FakePolicy extends AsyncDisposable {
  readonly address: string;
  readonly faults: PolicyFaults;
  /** Every request for a group that came. */
  readonly requests: policyV1.GenerateRequest__Output[];
  /** Groups that were generated. */
  readonly groups: policyV1.GenerateRequest__Output[];
  /** Puts weights there as if they had been pushed; 0: START. */
  hold(runId: string, version: number): void;
  /** Forgets all weights, as a process that began again. */
  forget(): void;
  /** Makes version 9 the newest of a run, as another trainer would. */
  overtake(runId: string): void;
  /** Newest version and START of a run. */
  held(runId: string): { newest: number; start: boolean };
}

/** @param baseModelHash told by GetModelInfo */
export async function startPolicy(
  complete: Complete,
  { address = "127.0.0.1:0", baseModelHash = "b".repeat(64) } = {},
): Promise<FakePolicy> {
  const faults: PolicyFaults = {};
  const requests: policyV1.GenerateRequest__Output[] = [];
  const groups: policyV1.GenerateRequest__Output[] = [];
  const runs = new Map<string, Map<number, HeldWeights>>();
  const pushes = new Map<string, Push>();
  let turn = Promise.resolve();
  const newestOf = (runId: string) => Math.max(0, ...runs.get(runId)?.keys() ?? []);

  const heldFor = (selector: policyV1.WeightsSelector__Output | null): HeldWeights => {
    const { runId = "", kind, version = 0 } = selector ?? {};
    // Where a request names no run: that of the only one.
    const run = runId === "" ? [...runs.keys()][0] ?? "" : runId;
    const wanted = (kind ?? "WEIGHTS_KIND_UNSPECIFIED") === "WEIGHTS_KIND_UNSPECIFIED"
      ? newestOf(run)
      : version;
    const found = runs.get(run)?.get(wanted);
    if (!found) throw notFound(`Cannot use version ${wanted} of run "${run}"`);
    return found;
  };
  const keep = (
    runId: string,
    version: number,
    sha256: Buffer,
    tensors: HeldWeights["tensors"],
  ) => {
    const kind = version === 0 ? "WEIGHTS_KIND_START" : "WEIGHTS_KIND_VERSION";
    const label = { kind, runId, version, sha256 } as const;
    const versions = runs.get(runId) ?? new Map<number, HeldWeights>();
    versions.set(version, { label, tensors });
    runs.set(runId, versions);
    return label;
  };

  const handlers = {
    async *generate(request: policyV1.GenerateRequest__Output) {
      requests.push(request);
      await faults.generate?.(request);
      const weights = heldFor(request.weights);
      const before = turn;
      const done = Promise.withResolvers<void>();
      turn = done.promise;
      await before;
      try {
        groups.push(request);
        for await (const chunks of complete(request, weights)) {
          const answer = { chunks, weights: weights.label };
          yield faults.answer?.(answer) ?? answer;
        }
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
      let push: Push | undefined;
      for await (const { uploadId, data } of chunks) {
        push ??= pushes.get(uploadId);
        if (push) push.bytes = Buffer.concat([push.bytes, data]);
      }
      return { receivedBytes: push?.bytes.length ?? 0 };
    },
    commitWeights({ uploadId }: policyV1.CommitWeightsRequest__Output) {
      const { request, bytes } = pushes.get(uploadId)!;
      const { runId, manifest, expectedVersion, restart } = request;
      if (restart) {
        const versions = runs.get(runId);
        for (const version of [...versions?.keys() ?? []]) {
          if (version > 0) versions?.delete(version);
        }
      }
      const version = manifest!.start ? 0 : expectedVersion + 1;
      const sha256 = createHash("sha256").update(bytes).digest();
      return Promise.resolve({ weights: keep(runId, version, sha256, unpack(manifest!, bytes)) });
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
        ...{ baseModelHash, modelName: "tiny", precision: "fp32", sharesPrompts: true },
        ...faults.info,
      }),
  };
  const server = await createServer({
    address,
    services: [implement(policyService, handlers)],
    logger: createLogger({ service: "policy", write: () => {} }),
  });
  server.setServing(true);
  return {
    address: server.address,
    faults,
    requests,
    groups,
    hold: (runId, version) => void keep(runId, version, Buffer.from([version]), {}),
    forget: () => runs.clear(),
    overtake(runId) {
      const newest = runs.get(runId)?.get(newestOf(runId));
      if (newest) keep(runId, 9, Buffer.from(newest.label.sha256), newest.tensors);
    },
    held: (runId) => ({ newest: newestOf(runId), start: runs.get(runId)?.has(0) ?? false }),
    [Symbol.asyncDispose]: async () => void await server.drain({ graceMs: 0 }),
  };
}

/** A push on its way. */
interface Push {
  readonly request: policyV1.BeginWeightsRequest__Output;
  bytes: Buffer;
}

function unpack(manifest: policyV1.WeightsManifest__Output, bytes: Buffer): Record<string, Tensor> {
  let at = 0;
  return Object.fromEntries(manifest.tensors.map(({ name, dims }) => {
    const count = dims.reduce((n, d) => n * d, 1);
    const data = new Float32Array(new Uint8Array(bytes.subarray(at, at += 4 * count)).buffer);
    return [name, tensor("float32", dims, data)];
  }));
}
