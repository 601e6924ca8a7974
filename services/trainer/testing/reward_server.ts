import { InputError } from "@decorum/tensor";
import {
  createServer,
  evaluatorService,
  type evaluatorV1,
  implement,
  rewardService,
  type rewardV1,
} from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";

const logger = createLogger({ service: "test", write: () => {} });

/** A reward that counts the letters "e" of a response, with faults that a test sets. */
export interface TestReward extends AsyncDisposable {
  readonly address: string;
  readonly requests: rewardV1.ScoreRequest__Output[];
  /** Called before scoring; what it throws is the answer. */
  score?: ((request: rewardV1.ScoreRequest__Output) => void | Promise<void>) | undefined;
  /** Changes the score of an item. */
  change?: ((score: number) => number) | undefined;
}

export async function startReward(address = "127.0.0.1:0"): Promise<TestReward> {
  const requests: rewardV1.ScoreRequest__Output[] = [];
  const reward: Pick<TestReward, "score" | "change"> = {};
  const handlers = {
    async score(request: rewardV1.ScoreRequest__Output) {
      await reward.score?.(request);
      requests.push(request);
      const results = request.items.map(({ id, response }) => {
        const score = response.split("e").length - 1;
        const probabilities = [0.25, 0.75];
        return { id, score: reward.change?.(score) ?? score, probabilities };
      });
      return { results, labels: ["other", "many"], label: "many", modelVersion: "counter" };
    },
    // deno-lint-ignore require-yield -- nobody calls it
    async *scoreStream(): AsyncGenerator<never> {
      throw await Promise.resolve(new InputError("not in this test"));
    },
    getInfo: () => Promise.resolve({ labels: ["other", "many"], defaultLabel: "many" }),
  };
  const services = [implement(rewardService, handlers)];
  const server = await createServer({ address, services, logger });
  server.setServing(true);
  return Object.assign(reward, {
    address: server.address,
    requests,
    [Symbol.asyncDispose]: async () => void await server.drain({ graceMs: 0 }),
  });
}

/** An evaluator that answers with a number that follows from the request. */
export interface TestEvaluator extends AsyncDisposable {
  readonly address: string;
  readonly requests: evaluatorV1.EvaluateRequest__Output[];
  /** Called before measuring; what it throws is the answer. */
  fault?: ((request: evaluatorV1.EvaluateRequest__Output) => void) | undefined;
}

export async function startEvaluator(): Promise<TestEvaluator> {
  const requests: evaluatorV1.EvaluateRequest__Output[] = [];
  const evaluator: Pick<TestEvaluator, "fault"> = {};
  const handlers = {
    async *evaluate(request: evaluatorV1.EvaluateRequest__Output) {
      evaluator.fault?.(request);
      requests.push(request);
      yield { progress: { phase: "EVALUATION_PHASE_SCORE" as const, done: 1, total: 2 } };
      const mean = await Promise.resolve(1 / (request.after?.version ?? 1));
      const toxicity = {
        n: request.prompts.length,
        before: { mean: 1, std: 0 },
        after: { mean, std: 0 },
        improvementPct: 100 * (1 - mean),
      };
      yield { result: { toxicity, kl: mean, seconds: 1 } };
    },
  };
  const services = [implement(evaluatorService, handlers)];
  const server = await createServer({ address: "127.0.0.1:0", services, logger });
  server.setServing(true);
  return Object.assign(evaluator, {
    address: server.address,
    requests,
    [Symbol.asyncDispose]: async () => void await server.drain({ graceMs: 0 }),
  });
}
