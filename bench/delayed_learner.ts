import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunOutputs } from "@decorum/learning";
import { type Arithmetic, arithmeticOf } from "@decorum/runtime";
import { createServer, implement, learnerService } from "@decorum/rpc";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { float32, type Tensor, zeros } from "@decorum/tensor";
import { Learner, type ProgramBytes } from "../services/learner/learner.ts";
import { learnerHandlers } from "../services/learner/service.ts";

/** A learner behind the real protocol whose runs take a fixed time and no processor, one at a time. */
class DelayedLearner extends Learner {
  #program: Pick<ProgramBytes, "id" | "runId"> = { id: "", runId: "" };
  readonly #weights = new Map<string, ReadonlyMap<string, Tensor>>();
  #last: Promise<void> = Promise.resolve();

  constructor(readonly delayMs: number, arithmetic: Arithmetic) {
    super({ files: new Map(), baseModelHash: "bench", runtime: {}, arithmetic });
  }

  override get held() {
    const { id: program, runId } = this.#program;
    return { runId, program, weights: [...this.#weights.keys()] };
  }

  override load(given: ProgramBytes): Promise<void> {
    this.#program = given;
    return Promise.resolve();
  }

  override put(_program: string, id: string, tensors: ReadonlyMap<string, Tensor>): void {
    this.#weights.clear();
    this.#weights.set(id, tensors);
  }

  override async run(
    { weights: [id = ""] }: { readonly weights: readonly string[] },
  ): Promise<RunOutputs> {
    const weights = this.#weights.get(id);
    if (!weights) throw new Error(`internal: weights ${id} were never put`);
    await (this.#last = this.#last.then(() => sleep(this.delayMs)));
    const gradients = [...weights].map(([name, { dims }]) =>
      [`${name}_grad`, zeros("float32", dims)] as const
    );
    return { loss: float32([], [1]), ...Object.fromEntries(gradients) };
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
