import { delay } from "@decorum/async";
import type { PerGraph } from "@decorum/learning";
import type { Params } from "@decorum/optim";
import {
  byteChunks,
  type learnerService,
  type learnerV1,
  type RpcClient,
  tensorChunks,
  tensorSpecs,
} from "@decorum/rpc";
import { type Arithmetic, arithmeticDifferences, type EncodedGraph } from "@decorum/runtime";
import type { Metrics } from "@decorum/telemetry";
import type { Fleet, Member } from "./fleet.ts";
import { graphBytes, graphHeaders, withHeader } from "./learner_program.ts";
import type { Waiting } from "./waiting.ts";

/** A client of a learner. */
export type LearnerClient = RpcClient<typeof learnerService>;

/** What a learner must be to get work of a run. */
export interface LearnerNeeds {
  readonly metrics: Metrics;
  readonly runId: string;
  /** Of the model that the graphs were made of. */
  readonly baseModelHash: string;
  /** This process's own: learners that have the same give the same bytes. */
  readonly arithmetic: Arithmetic;
  /** Takes learners of another arithmetic too, and says so. */
  readonly allowDifferent: boolean;
  readonly waiting: Waiting;
}

/** Graphs, and what names them. */
export interface Program {
  readonly id: string;
  readonly graphs: PerGraph<EncodedGraph>;
}

/** Weights, and what names them. */
export interface Image {
  readonly id: string;
  readonly params: Params;
}

/** Milliseconds that weights for one learner may hold up those for the next. */
const TURN_MS = 1000;

/** What each learner holds of a run: it is checked, given the program once, and weights as runs need them. */
export class LearnerState {
  /** Weights that a member with our program holds, as far as is known. */
  readonly #held = new WeakMap<Member<LearnerClient>, Set<string>>();
  /** What brings a member up to date now: its runs wait for the same. */
  readonly #preparing = new WeakMap<Member<LearnerClient>, Promise<void>>();
  /** Settles when the last one in line has its weights. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Members whose difference was told. */
  readonly #told = new WeakSet<Member<LearnerClient>>();
  /** Members that were given our program. */
  readonly loaded = new Set<Member<LearnerClient>>();

  constructor(
    readonly fleet: Fleet<LearnerClient>,
    readonly program: Program,
    readonly options: LearnerNeeds,
  ) {}

  /** It is asked what it holds before it gets more work. */
  forget(member: Member<LearnerClient>): void {
    this.#held.delete(member);
  }

  /** Has a learner hold program and weights; runs that need the same wait for each other. */
  async prepare(
    member: Member<LearnerClient>,
    images: readonly Image[],
    signal: AbortSignal,
  ): Promise<void> {
    while (!images.every(({ id }) => this.#held.get(member)?.has(id))) {
      const others = this.#preparing.get(member);
      if (others) {
        await others;
        continue;
      }
      const bringing = this.bring(member, images, signal);
      this.#preparing.set(member, bringing);
      try {
        await bringing;
      } finally {
        this.#preparing.delete(member);
      }
    }
  }

  /** Checks a learner, and gives it the program and the weights that it lacks. @throws UnfitError */
  async bring(
    member: Member<LearnerClient>,
    images: readonly Image[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = member;
    const held = this.#held.get(member) ?? await this.#admit(member, signal);
    const began = performance.now();
    for (const { id, params } of images) {
      if (held.has(id)) continue;
      const header = { program: this.program.id, weights: id, tensors: tensorSpecs(params) };
      await this.#inTurn(
        signal,
        () => client.putWeights(withHeader(header, tensorChunks(params)), { signal }),
      );
      held.add(id);
    }
    this.#held.set(member, held);
    const seconds = (performance.now() - began) / 1000;
    this.options.metrics.observe("decorum_trainer_learner_push_seconds", seconds, {
      learner: member.address,
    });
  }

  /**
   * Sends weights to one learner after another: the first computes while the next ones are served, and their results do not
   * all come at once. One that is slow holds the others up for `TURN_MS` at most.
   */
  async #inTurn(signal: AbortSignal, send: () => Promise<unknown>): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    const over = new AbortController();
    try {
      await Promise.race([before, delay(TURN_MS, signal, over.signal)]);
      await send();
    } finally {
      over.abort();
      resolve();
    }
  }

  /**
   * Checks a learner and gives it the program.
   *
   * @returns the weights that it holds
   * @throws UnfitError when it has another model or arithmetic
   */
  async #admit(member: Member<LearnerClient>, signal: AbortSignal): Promise<Set<string>> {
    const { client, outage: { what } } = member;
    const { baseModelHash, runId, arithmetic, allowDifferent, waiting } = this.options;
    const info = await client.getInfo({}, { signal });
    if (info.baseModelHash !== baseModelHash) {
      const cause = `its base model is ${info.baseModelHash}, expected ${baseModelHash}`;
      throw this.fleet.leaveOut(member, new Error(cause));
    }
    const differences = arithmeticDifferences(info.machine ?? noArithmetic, arithmetic);
    if (differences.length > 0 && !allowDifferent) {
      throw this.fleet.leaveOut(
        member,
        new Error(
          `${differences.join("; ")}: results would depend on who computes them ` +
            "(trainer.allow_different_learners takes it nevertheless)",
        ),
      );
    }
    if (differences.length > 0 && !this.#told.has(member)) {
      this.#told.add(member);
      waiting.say(
        `${what} computes with ${differences.join("; ")}: results may differ in their last bits`,
      );
    }
    const { id, graphs } = this.program;
    this.loaded.add(member);
    if (info.program === id && info.runId === runId) return new Set(info.weights);
    const header: learnerV1.LoadHeader = {
      runId,
      baseModelHash,
      program: id,
      graphs: graphHeaders(graphs),
    };
    const chunks = byteChunks(graphBytes(graphs));
    await client.load(withHeader(header, chunks), { signal });
    return new Set();
  }
}

const noArithmetic: Arithmetic = {
  onnxruntime: "",
  cpu: "",
  threads: "",
  provider: "",
  precision: "",
};
