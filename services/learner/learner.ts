import { type GraphName, LocalRunner, type PerGraph, type RunOutputs } from "@decorum/learning";
import { failedPrecondition, notFound, resourceExhausted, unavailable } from "@decorum/rpc";
import { type Arithmetic, type RuntimeOptions, WorkerDiedError } from "@decorum/runtime";
import { InputError, type Tensor } from "@decorum/tensor";

/** Weights that are held: those of now, of the step before, of the reference by both of its names, and one to spare. */
const HELD_WEIGHTS = 5;
/** A run that has not used its learner for so long may lose it to another run. */
const IDLE_MS = 60_000;
/** When to ask again for a learner that another run uses. */
const BUSY_PUSHBACK_MS = 5000;

/** What a learner computes with. */
export interface LearnerOptions {
  /** Files of the base model's weights by their names: the only ones that a graph may name. */
  readonly files: ReadonlyMap<string, string>;
  readonly baseModelHash: string;
  readonly runtime: RuntimeOptions;
  /** Of sessions with `runtime`. */
  readonly arithmetic: Arithmetic;
}

/** The graphs of a run, encoded. */
export interface ProgramBytes {
  readonly runId: string;
  readonly baseModelHash: string;
  /** SHA-256 in hexadecimal over the bytes of all. */
  readonly id: string;
  readonly graphs: PerGraph<{ readonly name: string; readonly bytes: Uint8Array }>;
}

type Weights = ReadonlyMap<string, Tensor>;

interface Program {
  readonly id: string;
  readonly runId: string;
  readonly runner: LocalRunner;
  /** By the hash of their content; the one that was used longest ago first. */
  readonly weights: Map<string, Weights>;
}

/** One program, some weights, and runs of it one after another. */
export class Learner implements AsyncDisposable {
  #program: Program | undefined;
  /** Runs under way. */
  #running = 0;
  #usedAt = -Infinity;
  /** Programs are loaded and released one after another. */
  #loading: Promise<void> = Promise.resolve();

  constructor(readonly options: LearnerOptions) {}

  /** What is loaded; empty where nothing is. */
  get held(): {
    readonly runId: string;
    readonly program: string;
    readonly weights: readonly string[];
  } {
    const program = this.#program;
    if (!program) return { runId: "", program: "", weights: [] };
    return { runId: program.runId, program: program.id, weights: [...program.weights.keys()] };
  }

  /**
   * Whether a run may load its program here.
   *
   * @throws StatusError FAILED_PRECONDITION for another base model; RESOURCE_EXHAUSTED while another run uses this learner
   */
  admit({ runId, baseModelHash }: Pick<ProgramBytes, "runId" | "baseModelHash">): void {
    const own = this.options.baseModelHash;
    if (baseModelHash !== own) {
      throw failedPrecondition(
        `Cannot load a program of base model ${baseModelHash.slice(0, 64) || "(none)"}: ` +
          `this learner holds ${own}; set model.name_or_path to the trainer's model`,
      );
    }
    const program = this.#program;
    const idle = this.#running === 0 && performance.now() - this.#usedAt > IDLE_MS;
    if (program && program.runId !== runId && !idle) {
      throw resourceExhausted(
        `Cannot load the program of run ${runId}: run ${program.runId} uses this learner`,
        BUSY_PUSHBACK_MS,
      );
    }
  }

  /**
   * Puts a program in the place of the one before.
   *
   * @throws as `admit`; InputError for graphs that cannot be used
   */
  load(given: ProgramBytes): Promise<void> {
    return this.#inTurn(async () => {
      this.admit(given);
      if (this.#program?.id === given.id && this.#program.runId === given.runId) return;
      const { forward, update, compare } = given.graphs;
      const { files, runtime } = this.options;
      await this.#unload();
      const runner = await LocalRunner.open(
        {
          forward: { ...forward, files },
          update: { ...update, files },
          ...(compare ? { compare: { ...compare, files } } : {}),
        },
        runtime,
      );
      this.#program = { id: given.id, runId: given.runId, runner, weights: new Map() };
      this.#usedAt = performance.now();
    });
  }

  /** Lets go of a run's program, where it is loaded. */
  release(runId: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#program?.runId === runId) await this.#unload();
    });
  }

  /**
   * Holds weights under the hash of their content.
   *
   * @throws StatusError NOT_FOUND without the program; InputError for tensors that no graph takes
   */
  put(program: string, id: string, tensors: Weights): void {
    const { weights, runner: { sessions } } = this.#find(program);
    const inputs = new Map(
      Object.values(sessions).flatMap(({ inputs }) => inputs).map((input) => [input.name, input]),
    );
    for (const [name, { dtype, dims }] of tensors) {
      const input = inputs.get(name);
      if (input && input.dtype === dtype && `${input.dims}` === `${dims}`) continue;
      throw new InputError(
        `Cannot hold weights: tensor "${name.slice(0, 200)}" is ${dtype} [${dims}], expected ${
          input ? `${input.dtype} [${input.dims}]` : "an input of the program"
        }`,
      );
    }
    weights.delete(id);
    weights.set(id, tensors);
    for (const old of weights.keys()) {
      if (weights.size > HELD_WEIGHTS) weights.delete(old);
    }
  }

  /**
   * Runs a graph.
   *
   * @throws StatusError NOT_FOUND without the program or the weights; UNAVAILABLE when the thread has died;
   * InputError for feeds that the graph does not take
   */
  async run(
    { program: id, graph, weights: ids }: {
      readonly program: string;
      readonly graph: GraphName;
      readonly weights: readonly string[];
    },
    feeds: Readonly<Record<string, Tensor>>,
    signal: AbortSignal,
  ): Promise<RunOutputs> {
    const program = this.#find(id);
    const weights = ids.map((one) => {
      const found = program.weights.get(one);
      if (!found) throw notFound(`Cannot run: weights ${one.slice(0, 64)} are not held`);
      program.weights.delete(one);
      program.weights.set(one, found);
      return found;
    });
    this.#running++;
    try {
      return await program.runner.runOne(graph, feeds, weights, { signal });
    } catch (error) {
      if (!(error instanceof WorkerDiedError)) throw error;
      if (this.#program === program) this.#program = undefined;
      throw unavailable("Cannot run: the thread of the model has ended; load the program again");
    } finally {
      this.#running--;
      this.#usedAt = performance.now();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loading;
    await this.#unload();
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const before = this.#loading;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#loading = promise;
    await before;
    try {
      await work();
    } finally {
      resolve();
    }
  }

  async #unload(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    await program?.runner[Symbol.asyncDispose]();
  }

  #find(id: string): Program {
    if (this.#program?.id === id) return this.#program;
    throw notFound(`Cannot find program ${id.slice(0, 64)}: it is not loaded`);
  }
}
