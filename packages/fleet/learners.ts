import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { delay } from "@decorum/async";
import type { Feeds, GraphName, Graphs, PerGraph, Runner, RunOutputs } from "@decorum/learning";
import type { Params } from "@decorum/optim";
import {
  byteChunks,
  createClient,
  learnerService,
  type learnerV1,
  type RpcClient,
  RpcError,
  tensorChunks,
  TensorReader,
  tensorSpecs,
} from "@decorum/rpc";
import {
  type Arithmetic,
  arithmeticDifferences,
  type EncodedGraph,
  encodeGraph,
} from "@decorum/runtime";
import type { CallSecurity } from "@decorum/service";
import { inSpan, type Metrics } from "@decorum/telemetry";
import type { Tensor } from "@decorum/tensor";
import { Fleet, type FleetOptions, type Member } from "./fleet.ts";
import { shareInOrder } from "./share_work.ts";
import type { Waiting } from "./waiting.ts";

/** A client of a learner. */
export type LearnerClient = RpcClient<typeof learnerService>;

/** Where learners are, and what they must be. */
export interface LearnersOptions
  extends Pick<FleetOptions<LearnerClient>, "addresses" | "lookup" | "refreshMs"> {
  readonly security: CallSecurity;
  readonly metrics: Metrics;
  readonly runId: string;
  /** Of the model that the graphs were made of. */
  readonly baseModelHash: string;
  /** This process's own: learners that have the same give the same bytes. */
  readonly arithmetic: Arithmetic;
  /** Takes learners of another arithmetic too, and says so. */
  readonly allowDifferent: boolean;
  /** Milliseconds for one run, its weights included, after which a learner counts as hung. */
  readonly deadlineMs: number;
  readonly waiting: Waiting;
}

/** One run computes while another one is on its way. */
const AT_ONCE = 2;
/** Runs for each learner that may be begun before an earlier one has come back: results wait for their turn in memory. */
const AHEAD = 3;
/** Milliseconds that weights for one learner may hold up those for the next. */
const TURN_MS = 1000;
/** Milliseconds that a learner is told of the run's end. */
const RELEASE_MS = 2000;
/** Times in a row that a learner may lose what it was given in one run. */
const MOST_LOSSES = 2;
/** Bytes of outputs that a learner may send before they are read. */
const WINDOW_BYTES = 4 * 2 ** 20;
/** Most bytes of one run's outputs. */
const MAX_OUTPUT_BYTES = 4 * 2 ** 30;

interface Image {
  readonly id: string;
  readonly params: Params;
}

/** Runs of a task's graphs, shared over learners. */
export class Learners implements Runner {
  readonly #fleet: Fleet<LearnerClient>;
  readonly #program: {
    readonly id: string;
    readonly graphs: PerGraph<EncodedGraph>;
  };
  /** Weights that a member with our program holds, as far as is known. */
  readonly #held = new WeakMap<Member<LearnerClient>, Set<string>>();
  /** Members that were given our program. */
  readonly #loaded = new Set<Member<LearnerClient>>();
  /** What brings a member up to date now: its runs wait for the same. */
  readonly #preparing = new WeakMap<Member<LearnerClient>, Promise<void>>();
  /** Settles when the last one in line has its weights. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Members whose difference was told. */
  readonly #told = new WeakSet<Member<LearnerClient>>();
  readonly #images = new WeakMap<Params, Promise<Image>>();

  /** @throws UnfitError when no learner fits; else as `Fleet.reachAll` */
  static async open(graphs: Graphs, options: LearnersOptions): Promise<Learners> {
    const { waiting } = options;
    const learners = new Learners(graphs, options);
    await learners.#fleet.reachAll(waiting, (one) => learners.#bring(one, [], waiting.cancel));
    return learners;
  }

  private constructor(graphs: Graphs, readonly options: LearnersOptions) {
    const { security, metrics, addresses, lookup, refreshMs } = options;
    this.#fleet = new Fleet({
      peer: "learner",
      addresses,
      ...(lookup ? { lookup } : {}),
      ...(refreshMs === undefined ? {} : { refreshMs }),
      connect: (address) =>
        createClient(learnerService, {
          ...security("learner"),
          ...{ address, metrics, windowBytes: WINDOW_BYTES },
        }),
    });
    const encoded = {
      forward: encodeGraph(graphs.forward),
      update: encodeGraph(graphs.update),
      ...(graphs.compare ? { compare: encodeGraph(graphs.compare) } : {}),
    };
    this.#program = { id: programId(encoded), graphs: encoded };
  }

  async *run(
    graph: GraphName,
    jobs: readonly (() => Feeds)[],
    weights: readonly Params[],
  ): AsyncIterable<RunOutputs> {
    const images = await Promise.all(weights.map((params) => this.#image(params)));
    const shards = jobs.map((job, index) => ({ job, index }));
    yield* shareInOrder(
      this.#fleet,
      shards,
      (member, { job, index }, signal) =>
        this.#shard(member, { graph, index, job, images, signal }),
      this.options.waiting,
      { deadlineMs: this.options.deadlineMs, atOnce: AT_ONCE, ahead: AHEAD },
    );
  }

  /** Leaves the learners to other runs. One that does not hear of it is free after a minute. */
  async [Symbol.asyncDispose](): Promise<void> {
    const request = { runId: this.options.runId };
    await Promise.all(
      [...this.#loaded].filter((one) => this.#fleet.has(one)).map(({ client }) =>
        client.release(request, { deadlineMs: RELEASE_MS }).catch(() => {})
      ),
    );
    this.#fleet[Symbol.dispose]();
  }

  /** One run on one learner, with whatever the learner lacks before it. */
  async #shard(
    member: Member<LearnerClient>,
    { graph, index, job, images, signal }: {
      readonly graph: GraphName;
      readonly index: number;
      readonly job: () => Feeds;
      readonly images: readonly Image[];
      readonly signal: AbortSignal;
    },
  ): Promise<RunOutputs> {
    const began = performance.now();
    const labels = { learner: member.address, graph };
    const attributes = {
      "server.address": member.address,
      "decorum.graph": graph,
      "decorum.shard": index,
    };
    let outcome: "done" | "failed" = "failed";
    try {
      return await inSpan("decorum.trainer", "shard", { attributes }, async () => {
        for (let losses = 0;; losses++) {
          try {
            await this.#prepare(member, images, signal);
            const outputs = await this.#call(member.client, graph, job(), images, signal);
            outcome = "done";
            return outputs;
          } catch (error) {
            // It may be a process that has started again: it is asked what it holds before it gets more work.
            this.#held.delete(member);
            const lost = error instanceof RpcError && error.code === "NOT_FOUND";
            if (!lost || losses === MOST_LOSSES) throw error;
          }
        }
      });
    } finally {
      const seconds = (performance.now() - began) / 1000;
      this.options.metrics.observe("decorum_trainer_shard_seconds", seconds, {
        ...labels,
        outcome,
      });
    }
  }

  /** Has a learner hold program and weights; runs that need the same wait for each other. */
  async #prepare(
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
      const bringing = this.#bring(member, images, signal);
      this.#preparing.set(member, bringing);
      try {
        await bringing;
      } finally {
        this.#preparing.delete(member);
      }
    }
  }

  async #bring(
    member: Member<LearnerClient>,
    images: readonly Image[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = member;
    const held = this.#held.get(member) ?? await this.#admit(member, signal);
    const began = performance.now();
    for (const { id, params } of images) {
      if (held.has(id)) continue;
      const header = { program: this.#program.id, weights: id, tensors: tensorSpecs(params) };
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
      throw this.#fleet.leaveOut(member, new Error(cause));
    }
    const differences = arithmeticDifferences(info.machine ?? noArithmetic, arithmetic);
    if (differences.length > 0 && !allowDifferent) {
      throw this.#fleet.leaveOut(
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
    const { id, graphs } = this.#program;
    this.#loaded.add(member);
    if (info.program === id && info.runId === runId) return new Set(info.weights);
    const header: learnerV1.LoadHeader = {
      runId,
      baseModelHash,
      program: id,
      graphs: graphNames.flatMap((graph) => {
        const { name, bytes } = graphs[graph] ?? {};
        return name === undefined ? [] : [{ graph: wireName[graph], name, bytes: bytes!.length }];
      }),
    };
    const chunks = byteChunks(graphBytes(graphs));
    await client.load(withHeader(header, chunks), { signal });
    return new Set();
  }

  async #call(
    client: LearnerClient,
    graph: GraphName,
    feeds: Feeds,
    images: readonly Image[],
    signal: AbortSignal,
  ): Promise<RunOutputs> {
    const tensors = Object.entries(feeds);
    const header: learnerV1.RunHeader = {
      program: this.#program.id,
      graph: wireName[graph],
      weights: images.map(({ id }) => id),
      feeds: tensorSpecs(tensors),
    };
    let reader: TensorReader | undefined;
    for await (
      const { result, chunk } of client.run(withHeader(header, tensorChunks(tensors)), { signal })
    ) {
      if (result) {
        reader = new TensorReader("the outputs of a run", result.outputs, MAX_OUTPUT_BYTES);
      } else if (chunk) reader?.write(chunk);
    }
    if (!reader) throw new Error(`internal: learner ${client.address} answered without a result`);
    return Object.fromEntries(reader.finish());
  }

  #image(params: Params): Promise<Image> {
    let found = this.#images.get(params);
    if (!found) {
      found = weightsId(params).then((id) => ({ id, params }));
      this.#images.set(params, found);
    }
    return found;
  }
}

const noArithmetic: Arithmetic = {
  onnxruntime: "",
  cpu: "",
  threads: "",
  provider: "",
  precision: "",
};

function* withHeader<H>(
  header: H,
  chunks: Iterable<learnerV1.Chunk>,
): Iterable<{ readonly header: H } | { readonly chunk: learnerV1.Chunk }> {
  yield { header };
  for (const chunk of chunks) yield { chunk };
}

/** In the order of a program's bytes. */
const graphNames = ["forward", "update", "compare"] as const;
const wireName = {
  forward: "GRAPH_FORWARD",
  update: "GRAPH_UPDATE",
  compare: "GRAPH_COMPARE",
} as const satisfies Record<GraphName, learnerV1.Graph>;

/** The bytes of a program's graphs, in their order. */
export function graphBytes(graphs: PerGraph<{ readonly bytes: Uint8Array }>): Uint8Array[] {
  return graphNames.flatMap((name) => graphs[name]?.bytes ?? []);
}

/** SHA-256 in hexadecimal over the bytes of a program's graphs. */
export function programId(
  graphs: PerGraph<{ readonly bytes: Uint8Array }>,
): string {
  const hash = createHash("sha256");
  for (const bytes of graphBytes(graphs)) hash.update(bytes);
  return hash.digest("hex");
}

/** SHA-256 in hexadecimal over names, types, shapes and bytes. The process answers calls meanwhile. */
export async function weightsId(tensors: ReadonlyMap<string, Tensor>): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(tensorSpecs(tensors)));
  let sinceTurn = 0;
  for (const [, { data }] of tensors) {
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    sinceTurn += data.byteLength;
    if (sinceTurn < 8 * 2 ** 20) continue;
    await setImmediate();
    sinceTurn = 0;
  }
  return hash.digest("hex");
}
