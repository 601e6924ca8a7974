import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunOutputs } from "@decorum/learning";
import { type Arithmetic, arithmeticOf } from "@decorum/runtime";
import { createServer, implement, learnerService } from "@decorum/rpc";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { float32, type Tensor, zeros } from "@decorum/tensor";
import { Learner, type ProgramBytes } from "../services/learner/learner.ts";
import { learnerHandlers } from "../services/learner/service.ts";

/**
 * A learner behind the real protocol whose runs take a fixed time and no processor, one at a time. A run begins where the
 * one before ended, as in a thread of its own, however late this thread notices; what it gives is made once.
 */
class DelayedLearner extends Learner {
  #program: Pick<ProgramBytes, "id" | "runId"> = { id: "", runId: "" };
  #weights = "";
  #outputs: RunOutputs = {};
  /** When the last run ends, as `performance.now()` has it. */
  #free = 0;

  constructor(readonly delayMs: number, arithmetic: Arithmetic) {
    super({ files: new Map(), baseModelHash: "bench", runtime: {}, arithmetic });
  }

  override get held() {
    const { id: program, runId } = this.#program;
    return { runId, program, weights: [this.#weights] };
  }

  override load(given: ProgramBytes): Promise<void> {
    this.#program = given;
    return Promise.resolve();
  }

  override put(_program: string, id: string, tensors: ReadonlyMap<string, Tensor>): void {
    this.#weights = id;
    const gradients = [...tensors].map(([name, { dims }]) =>
      [`${name}_grad`, this.#outputs[`${name}_grad`] ?? zeros("float32", dims)] as const
    );
    this.#outputs = { loss: float32([], [1]), ...Object.fromEntries(gradients) };
  }

  override async run(
    { weights: [id = ""] }: { readonly weights: readonly string[] },
  ): Promise<RunOutputs> {
    if (id !== this.#weights) throw new Error(`internal: weights ${id} were never put`);
    const now = performance.now();
    this.#free = Math.max(now, this.#free) + this.delayMs;
    await sleep(this.#free - now);
    return this.#outputs;
  }
}

const logger = createLogger({ service: "learner", level: "warn" });
const metrics = createMetrics({ service: "learner", version: "bench" });
const learner = Promise.resolve(
  new DelayedLearner(Number(process.argv[2]), await arithmeticOf({})),
);
const services = [implement(learnerService, learnerHandlers({ learner, logger, metrics }))];
const server = await createServer({ address: "127.0.0.1:0", services, logger });
server.setServing(true);
console.log(`ready learner ${server.address}`);
