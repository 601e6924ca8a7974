import { graphBytes, programId, weightsId } from "@decorum/fleet";
import type { GraphName } from "@decorum/learning";
import {
  audited,
  ByteReader,
  type CallContext,
  dataLoss,
  type Handlers,
  type learnerService,
  type learnerV1,
  tensorChunks,
  TensorReader,
  tensorSpecs,
} from "@decorum/rpc";
import type { LogFields, Logger, Metrics } from "@decorum/telemetry";
import { InputError } from "@decorum/tensor";
import type { Learner, ProgramBytes } from "./learner.ts";

/** Most bytes of one graph: its frozen weights are not among them. */
const MAX_GRAPH_BYTES = 256 * 2 ** 20;
/** Most bytes of some weights, or of a run's feeds. */
const MAX_TENSOR_BYTES = 4 * 2 ** 30;

/** What the handlers need; `learner` settles when the model was found, and calls wait for it. */
export interface LearnerServiceOptions {
  readonly learner: Promise<Learner>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The methods of LearnerService: messages to domain values and back. */
export function learnerHandlers(
  { learner: loading, logger, metrics }: LearnerServiceOptions,
): Handlers<typeof learnerService> {
  /** What a learner computes with is on record. */
  const audit = <T>(call: CallContext, fields: LogFields, work: () => Promise<T>) =>
    audited({ logger, call, fields }, work);

  return {
    async getInfo() {
      const { options: { baseModelHash, arithmetic: machine }, held } = await loading;
      return { baseModelHash, machine, ...held, weights: [...held.weights] };
    },

    async load(requests, call) {
      const learner = await loading;
      const { header, chunks } = await opened("a program", requests, ({ header }) => header);
      const { runId, program, baseModelHash } = header;
      await audit(
        call,
        { run_id: runId.slice(0, 128), program: program.slice(0, 64) },
        async () => {
          learner.admit({ runId, baseModelHash });
          const graphs = graphsOf(header);
          const bytes = new ByteReader("a program", graphBytes(graphs));
          for await (const chunk of chunks) bytes.write(chunk);
          bytes.checkComplete();
          checkContent("program", program, programId(graphs));
          await learner.load({ runId, baseModelHash, id: program, graphs });
        },
      );
      return {};
    },

    async putWeights(requests, call) {
      const learner = await loading;
      const { header, chunks } = await opened("weights", requests, ({ header }) => header);
      const { program, weights } = header;
      await audit(call, { run_id: learner.held.runId, weights: weights.slice(0, 64) }, async () => {
        const reader = new TensorReader("weights", header.tensors, MAX_TENSOR_BYTES);
        for await (const chunk of chunks) reader.write(chunk);
        const tensors = reader.finish();
        checkContent("weights", weights, await weightsId(tensors));
        learner.put(program, weights, tensors);
      });
      return {};
    },

    async release({ runId }, call) {
      const learner = await loading;
      await audit(call, { run_id: runId.slice(0, 128) }, () => learner.release(runId));
      return {};
    },

    async *run(requests, { signal }) {
      const learner = await loading;
      const { header, chunks } = await opened("a run", requests, ({ header }) => header);
      const reader = new TensorReader("the feeds of a run", header.feeds, MAX_TENSOR_BYTES);
      for await (const chunk of chunks) reader.write(chunk);
      const graph = graphOf(header.graph);
      const began = performance.now();
      const feeds = Object.fromEntries(reader.finish());
      const outputs = Object.entries(await learner.run({ ...header, graph }, feeds, signal));
      const seconds = (performance.now() - began) / 1000;
      metrics.observe("decorum_learner_run_seconds", seconds, { graph });
      yield { result: { outputs: tensorSpecs(outputs), seconds } };
      for (const chunk of tensorChunks(outputs)) yield { chunk };
    },
  };
}

/** A stream's first message, its header, and what follows. @throws InputError when it begins with something else */
async function opened<R extends { readonly chunk?: learnerV1.Chunk__Output | null }, H>(
  what: string,
  requests: AsyncIterable<R>,
  headerOf: (request: R) => H | null | undefined,
): Promise<{ readonly header: H; readonly chunks: AsyncIterable<learnerV1.Chunk__Output> }> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const header = first.done ? undefined : headerOf(first.value);
  if (!header) throw new InputError(`Cannot take ${what}: expected a header first`);
  const chunks = async function* () {
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      const { chunk } = next.value;
      if (!chunk) throw new InputError(`Cannot take ${what}: expected chunks after the header`);
      yield chunk;
    }
  };
  return { header, chunks: chunks() };
}

/** Room for the graphs that a header announces. */
function graphsOf({ graphs }: learnerV1.LoadHeader__Output): ProgramBytes["graphs"] {
  const room = (wanted: learnerV1.Graph, index: number) => {
    const { graph, name, bytes } = graphs[index] ?? {};
    if (graph === wanted && bytes !== undefined && bytes > 0 && bytes <= MAX_GRAPH_BYTES) {
      return { name: (name ?? "").slice(0, 100), bytes: new Uint8Array(bytes) };
    }
    throw new InputError(
      `Cannot load a program: graph ${index} is ${graph} of ${bytes} bytes, expected ${wanted} ` +
        `of 1 to ${MAX_GRAPH_BYTES} bytes`,
    );
  };
  return {
    forward: room("GRAPH_FORWARD", 0),
    update: room("GRAPH_UPDATE", 1),
    ...(graphs.length > 2 ? { compare: room("GRAPH_COMPARE", 2) } : {}),
  };
}

function graphOf(graph: learnerV1.Graph): GraphName {
  if (graph === "GRAPH_FORWARD") return "forward";
  if (graph === "GRAPH_UPDATE") return "update";
  if (graph === "GRAPH_COMPARE") return "compare";
  throw new InputError(
    `Cannot run ${graph}: expected GRAPH_FORWARD, GRAPH_UPDATE or GRAPH_COMPARE`,
  );
}

function checkContent(what: string, named: string, found: string): void {
  if (named === found) return;
  throw dataLoss(
    `Cannot take ${what} ${named.slice(0, 64)}: its content is ${found}; send it again`,
  );
}
