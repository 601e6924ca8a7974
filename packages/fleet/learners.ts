import type { Feeds, GraphName, Graphs, Runner, RunOutputs } from "@decorum/learning";
import type { Params } from "@decorum/optim";
import {
  createClient,
  learnerService,
  type learnerV1,
  RpcError,
  tensorChunks,
  TensorReader,
  tensorSpecs,
} from "@decorum/rpc";
import { encodeGraph } from "@decorum/runtime";
import type { CallSecurity } from "@decorum/service";
import { inSpan } from "@decorum/telemetry";
import { Fleet, type FleetOptions, type Member } from "./fleet.ts";
import { programId, weightsId, wireName, withHeader } from "./learner_program.ts";
import {
  type Image,
  type LearnerClient,
  type LearnerNeeds,
  LearnerState,
  type Program,
} from "./learner_state.ts";
import { shareInOrder } from "./share_work.ts";

/** Where learners are, and what they must be. */
export interface LearnersOptions
  extends LearnerNeeds, Pick<FleetOptions<LearnerClient>, "addresses" | "lookup" | "refreshMs"> {
  readonly security: CallSecurity;
  /** Milliseconds for one run, its weights included, after which a learner counts as hung. */
  readonly deadlineMs: number;
}

/** One run computes while another one is on its way. */
const AT_ONCE = 2;
/** Runs for each learner that may be begun before an earlier one has come back: results wait for their turn in memory. */
const AHEAD = 3;
/** Milliseconds that a learner is told of the run's end. */
const RELEASE_MS = 2000;
/** Times in a row that a learner may lose what it was given in one run. */
const MOST_LOSSES = 2;
/** Bytes of outputs that a learner may send before they are read. */
const WINDOW_BYTES = 4 * 2 ** 20;
/** Most bytes of one run's outputs. */
const MAX_OUTPUT_BYTES = 4 * 2 ** 30;

/** Runs of a task's graphs, shared over learners. */
export class Learners implements Runner {
  readonly #fleet: Fleet<LearnerClient>;
  readonly #program: Program;
  readonly #held: LearnerState;
  readonly #images = new WeakMap<Params, Promise<Image>>();

  /** @throws UnfitError when no learner fits; else as `Fleet.reachAll` */
  static async open(graphs: Graphs, options: LearnersOptions): Promise<Learners> {
    const { waiting } = options;
    const learners = new Learners(graphs, options);
    await learners.#fleet.reachAll(waiting, (one) => learners.#held.bring(one, [], waiting.cancel));
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
    this.#held = new LearnerState(this.#fleet, this.#program, options);
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
      [...this.#held.loaded].filter((one) => this.#fleet.has(one)).map(({ client }) =>
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
            await this.#held.prepare(member, images, signal);
            const outputs = await this.#call(member.client, graph, job(), images, signal);
            outcome = "done";
            return outputs;
          } catch (error) {
            // It may be a process that has started again: it is asked what it holds before it gets more work.
            this.#held.forget(member);
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
