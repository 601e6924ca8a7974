/** A policy that needs no model: what it says follows from weights, seed and prompt. */
import { Buffer } from "node:buffer";
import {
  createServer,
  implement,
  notFound,
  policyService,
  type policyV1,
  type RpcServer,
} from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";

type Weights = policyV1.WeightsVersion;

export interface FakePolicy extends AsyncDisposable {
  readonly address: string;
  readonly requests: policyV1.GenerateRequest__Output[];
  /** Called before each answer; may throw, or change what the policy holds. */
  before?: (request: policyV1.GenerateRequest__Output) => void | Promise<void>;
  /** Versions of run "r1" that it holds; the last is the newest. */
  versions: number[];
  baseModelHash: string;
  /** The response to a prompt under some weights. */
  say: (weights: Weights, prompt: string) => string;
}

/** START is version 0 of the run; the log-probability of a token is -1, or -1.5 under START. */
export async function startPolicy(address = "127.0.0.1:0"): Promise<FakePolicy> {
  const requests: policyV1.GenerateRequest__Output[] = [];
  const fake: Omit<FakePolicy, "address" | typeof Symbol.asyncDispose> = {
    requests,
    versions: [1],
    baseModelHash: "b".repeat(64),
    say: ({ version }, prompt) => version === 0 ? `you fool ${prompt}` : `ok ${prompt}`,
  };
  const later = () => Promise.reject(notFound("not in this fake"));
  const logger = createLogger({ service: "fake", level: "error", write: () => {} });
  const handlers = {
    async *generate(request: policyV1.GenerateRequest__Output) {
      requests.push(request);
      await fake.before?.(request);
      const weights = resolve(request.weights, fake.versions);
      const chunks = request.prompts.map(({ key, text }): policyV1.SequenceChunk => {
        const said = fake.say(weights, text ?? "");
        const tokenIds = said.split(" ").map((_, i) => i + 3);
        const numbers = (x: number) => request.returnLogprobs ? tokenIds.map(() => x) : [];
        return {
          key,
          tokenIds,
          text: said,
          logprobs: numbers(-1),
          refLogprobs: numbers(weights.version === 0 ? -1 : -1.5),
          finishReason: "FINISH_REASON_EOS",
        };
      });
      yield { chunks: chunks.slice(1), weights };
      yield { chunks: chunks.slice(0, 1), weights };
    },
    getModelInfo: () => Promise.resolve({ baseModelHash: fake.baseModelHash }),
    getVersion: later,
    beginWeights: later,
    uploadWeights: later,
    commitWeights: later,
    abortWeights: later,
    rollbackWeights: later,
  };
  const services = [implement(policyService, handlers)];
  const server: RpcServer = await createServer({ address, services, logger });
  server.setServing(true);
  return Object.assign(fake, {
    address: server.address,
    async [Symbol.asyncDispose]() {
      await server.drain({ graceMs: 100 });
    },
  });
}

function resolve(
  selector: policyV1.WeightsSelector__Output | null,
  versions: readonly number[],
): Weights {
  const kind = selector?.kind ?? "WEIGHTS_KIND_UNSPECIFIED";
  const held = (version: number): Weights => ({
    kind: version === 0 ? "WEIGHTS_KIND_START" : "WEIGHTS_KIND_VERSION",
    runId: "r1",
    version,
    sha256: Buffer.from([version]),
  });
  if (kind === "WEIGHTS_KIND_START") return held(0);
  if (kind === "WEIGHTS_KIND_UNSPECIFIED") return held(versions.at(-1) ?? 0);
  if (versions.includes(selector!.version)) return held(selector!.version);
  throw notFound(`Cannot use version ${selector!.version}: held are ${versions.join(", ")}`);
}
