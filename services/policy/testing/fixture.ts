import { loadService } from "@decorum/settings";
import {
  createClient,
  createServer,
  implement,
  policyService,
  type policyV1,
  type RpcClient,
} from "@decorum/rpc";
import { packWeights, type PushTarget, pushWeights } from "@decorum/fleet";
import { createLogger, createMetrics, type Metrics } from "@decorum/telemetry";
import type { CallOptions } from "@decorum/rpc";
import type { Tensor } from "@decorum/tensor";
import { type ServiceProcess, spawnService } from "@decorum/testing/process";
import { Policy } from "../policy.ts";
import { policyHandlers } from "../service.ts";
import { lora, randomWeights } from "@decorum/testing/t5";

export type PolicyClient = RpcClient<typeof policyService>;

/** A policy and its server in this process, and a client of it. */
export interface RunningPolicy extends AsyncDisposable {
  readonly policy: Policy;
  readonly client: PolicyClient;
  readonly address: string;
  readonly metrics: Metrics;
  readonly hash: string;
  readonly logs: readonly string[];
}

/** Settings of a test's policy: one thread, small limits. */
export const settings = (model: string): string[] => [
  "policy.listen=127.0.0.1:0",
  `model.name_or_path=${model}`,
  "policy.threads=1",
  `model.lora=${JSON.stringify({ r: lora.r, lora_alpha: lora.loraAlpha })}`,
  "policy.limits={max_prompts: 8, max_prompt_tokens: 24, max_new_tokens: 200, max_queue: 8}",
  "policy.stream_tokens=4",
];

/** @param set settings over those of {@link settings} */
export async function startPolicy(model: string, ...set: string[]): Promise<RunningPolicy> {
  const { config } = loadService("policy", { set: [...settings(model), ...set] });
  const logs: string[] = [];
  const write = (line: string) => void logs.push(line);
  const logger = createLogger({ service: "policy", level: "debug", format: "json", write });
  const metrics = createMetrics({ service: "policy", version: "test" });
  const policy = await Policy.load({ config, metrics, logger });
  const handlers = policyHandlers({ policy: Promise.resolve(policy), logger, metrics });
  const services = [implement(policyService, handlers)];
  const server = await createServer({ address: config.listen, services, logger, metrics });
  server.setServing(true);
  const client = createClient(policyService, { address: server.address });
  return {
    policy,
    client,
    address: server.address,
    metrics,
    hash: policy.model.baseModelHash,
    logs,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.drain({ graceMs: 2000 });
      await policy[Symbol.asyncDispose]();
    },
  };
}

/** One completed sequence, its chunks put together. */
export interface Sequence {
  tokenIds: number[];
  logprobs: number[];
  values: number[];
  refLogprobs: number[];
  finishReason: string;
  text: string;
  promptTokens: number;
  chunks: number;
}

/** Prompts `count` of different lengths, with keys `<label>0`, ... */
export function prompts(count: number, label = "p"): policyV1.Prompt[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `${label}${i}`,
    tokenIds: {
      ids: [...Array.from({ length: 2 + (i * 5) % 9 }, (_, j) => 3 + (i * 7 + j * 11) % 36), 1],
    },
  }));
}

/** A group as the trainer sends it. */
export function group(
  some: Partial<policyV1.GenerateRequest> = {},
): policyV1.GenerateRequest {
  return {
    prompts: prompts(5),
    sampling: { doSample: true, minNewTokens: 1, maxNewTokens: 12 },
    seed: 3,
    asSent: true,
    returnLogprobs: true,
    returnValues: true,
    ...some,
  };
}

/** Makes a call and puts the chunks together. */
export async function generate(
  client: PolicyClient,
  request: policyV1.GenerateRequest,
  options: CallOptions = {},
): Promise<{
  sequences: Record<string, Sequence>;
  weights: policyV1.WeightsVersion__Output[];
  messages: policyV1.GenerateResponse__Output[];
}> {
  const sequences: Record<string, Sequence> = {};
  const messages: policyV1.GenerateResponse__Output[] = [];
  for await (const message of client.generate(request, options)) {
    messages.push(message);
    for (const chunk of message.chunks) {
      const sequence = sequences[chunk.key] ??= {
        tokenIds: [],
        logprobs: [],
        values: [],
        refLogprobs: [],
        finishReason: "",
        text: "",
        promptTokens: chunk.promptTokens,
        chunks: 0,
      };
      if (chunk.offset !== sequence.tokenIds.length) throw new Error("chunks are out of order");
      sequence.tokenIds.push(...chunk.tokenIds);
      sequence.logprobs.push(...chunk.logprobs);
      sequence.values.push(...chunk.values);
      sequence.refLogprobs.push(...chunk.refLogprobs);
      sequence.finishReason = chunk.finishReason;
      sequence.text += chunk.text;
      sequence.chunks++;
    }
  }
  return { sequences, weights: messages.map(({ weights }) => weights!), messages };
}

/** Pushes random weights of this label. */
export async function push(
  { client, policy, hash }: RunningPolicy,
  target: Partial<PushTarget> & { start?: boolean },
  weights: string | ReadonlyMap<string, Tensor<"float32">> = "weights",
): Promise<policyV1.WeightsVersion__Output> {
  const { start = false, ...rest } = target;
  const tensors = typeof weights === "string"
    ? randomWeights(policy.config.model.name_or_path, weights)
    : weights;
  return await pushWeights(client, packWeights(tensors, lora, { start }), {
    runId: "r1",
    baseModelHash: hash,
    expectedVersion: 0,
    ...rest,
  });
}

/** A policy in a process of its own. */
export function spawnPolicy(...set: string[]): ServiceProcess {
  return spawnService(new URL("../main.ts", import.meta.url), ...set);
}
