import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer, implement, notFound, policyService, type policyV1 } from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";

/** What all policies of a measurement are at together. */
export interface InFlight {
  now: number;
  most: number;
}

export interface DelayedPolicy extends AsyncDisposable {
  readonly address: string;
}

/**
 * A policy behind the real protocol whose generation takes a fixed time and no processor: one group at a time, and
 * every response is the end token.
 */
export async function delayedPolicy(delayMs: number, inFlight: InFlight): Promise<DelayedPolicy> {
  const runs = new Map<string, policyV1.WeightsVersion__Output>();
  let push: policyV1.BeginWeightsRequest__Output | undefined;
  let sha256 = createHash("sha256").digest();
  let turn = Promise.resolve<unknown>(undefined);

  const server = await createServer({
    address: "127.0.0.1:0",
    logger: createLogger({ service: "policy", write: () => {} }),
    services: [implement(policyService, {
      async *generate({ prompts, weights }: policyV1.GenerateRequest__Output) {
        inFlight.most = Math.max(inFlight.most, ++inFlight.now);
        turn = turn.then(() => sleep(delayMs));
        await turn;
        inFlight.now--;
        yield {
          weights: runs.get(weights?.runId ?? "") ?? null,
          chunks: prompts.map(({ key }): policyV1.SequenceChunk => ({
            ...{ key, offset: 0, tokenIds: [1], logprobs: [-1], values: [0] },
            finishReason: "FINISH_REASON_EOS",
          })),
        };
      },
      beginWeights(request: policyV1.BeginWeightsRequest__Output) {
        push = request;
        return Promise.resolve({ uploadId: "upload", maxChunkBytes: 2 ** 20 });
      },
      async uploadWeights(chunks: AsyncIterable<policyV1.UploadWeightsRequest__Output>) {
        const hash = createHash("sha256");
        let receivedBytes = 0;
        for await (const { data } of chunks) {
          hash.update(data);
          receivedBytes += data.length;
        }
        sha256 = hash.digest();
        return { receivedBytes };
      },
      commitWeights() {
        const { runId, expectedVersion } = push!;
        const version = expectedVersion + 1;
        const weights = { kind: "WEIGHTS_KIND_VERSION" as const, runId, version, sha256 };
        runs.set(runId, weights);
        return Promise.resolve({ weights });
      },
      abortWeights: () => Promise.resolve({ aborted: false }),
      rollbackWeights: () => Promise.reject(notFound("nothing to go back to")),
      getVersion({ runId }: policyV1.GetVersionRequest__Output) {
        const current = runs.get(runId);
        if (!current) throw notFound(`run "${runId}" is not known`);
        return Promise.resolve({ current, held: [current] });
      },
      getModelInfo: () => Promise.resolve({}),
    })],
  });
  server.setServing(true);
  return {
    address: server.address,
    [Symbol.asyncDispose]: async () => void await server.drain({ graceMs: 0 }),
  };
}
