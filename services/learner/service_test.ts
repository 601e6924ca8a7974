import assert from "node:assert/strict";
import { programId, weightsId } from "@decorum/fleet";
import { encodeGraph } from "@decorum/runtime";
import { GraphBuilder, mul } from "@decorum/onnx";
import {
  byteChunks,
  createClient,
  createServer,
  implement,
  learnerService,
  type learnerV1,
  type RpcClient,
  RpcError,
  tensorChunks,
  TensorReader,
  tensorSpecs,
} from "@decorum/rpc";
import { arithmeticOf } from "@decorum/runtime";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { float32, type Tensor } from "@decorum/tensor";
import { Learner } from "./learner.ts";
import { learnerHandlers } from "./service.ts";

type Client = RpcClient<typeof learnerService>;

/** y = x * w, as forward and as update. */
function program() {
  const graph = new GraphBuilder("product");
  const x = graph.input("x", "float32", ["n"]);
  graph.output(mul(x, graph.input("w", "float32", [1])), "y");
  const encoded = encodeGraph({ graph: graph.build(), files: new Map() });
  return { forward: encoded, update: encoded };
}

const graphs = program();
const id = programId(graphs);

function* loading(changes: Partial<learnerV1.LoadHeader> = {}): Iterable<learnerV1.LoadRequest> {
  const spec = (graph: learnerV1.Graph) =>
    ({ graph, name: "product", bytes: graphs.forward.bytes.length }) as const;
  const header = { runId: "r", baseModelHash: "base", program: id };
  const specs = [spec("GRAPH_FORWARD"), spec("GRAPH_UPDATE")];
  yield { header: { ...header, graphs: specs, ...changes } };
  for (const chunk of byteChunks([graphs.forward.bytes, graphs.update.bytes])) yield { chunk };
}

const w = new Map([["w", float32([1], [3])]]);

function* putting(
  tensors: ReadonlyMap<string, Tensor>,
  weights: string,
): Iterable<learnerV1.PutWeightsRequest> {
  yield { header: { program: id, weights, tensors: tensorSpecs(tensors) } };
  for (const chunk of tensorChunks(tensors)) yield { chunk };
}

async function product(client: Client, weights: string, values: number[]): Promise<number[]> {
  const feeds = new Map([["x", float32([values.length], values)]]);
  const requests = function* (): Iterable<learnerV1.RunRequest> {
    yield {
      header: {
        program: id,
        graph: "GRAPH_FORWARD",
        weights: [weights],
        feeds: tensorSpecs(feeds),
      },
    };
    for (const chunk of tensorChunks(feeds)) yield { chunk };
  };
  let reader: TensorReader | undefined;
  for await (const { result, chunk } of client.run(requests())) {
    if (result) reader = new TensorReader("y", result.outputs, 1000);
    else reader!.write(chunk!);
  }
  return [...reader!.finish().get("y")!.data as Float32Array];
}

const refused = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof RpcError && error.code === code && message.test(error.details);

async function withLearner(body: (client: Client, logs: string[]) => Promise<void>): Promise<void> {
  const logs: string[] = [];
  const write = (line: string) => void logs.push(line);
  const logger = createLogger({ service: "learner", format: "json", write });
  const arithmetic = await arithmeticOf({});
  const model = { files: new Map(), baseModelHash: "base", runtime: {} };
  await using learner = new Learner({ ...model, arithmetic });
  const handlers = learnerHandlers({
    learner: Promise.resolve(learner),
    logger,
    metrics: createMetrics({ service: "learner", version: "test" }),
  });
  const services = [implement(learnerService, handlers)];
  const server = await createServer({ address: "127.0.0.1:0", services, logger });
  server.setServing(true);
  using client = createClient(learnerService, { address: server.address });
  try {
    await body(client, logs);
  } finally {
    await server.drain({ graceMs: 0 });
  }
}

Deno.test("a program is loaded, weights are put, and a graph runs on them", () =>
  withLearner(async (client, logs) => {
    const weights = await weightsId(w);
    await assert.rejects(product(client, weights, [1]), refused("NOT_FOUND", /not loaded/));
    await client.load(loading());
    await assert.rejects(product(client, weights, [1]), refused("NOT_FOUND", /not held/));
    await client.putWeights(putting(w, weights));
    assert.deepEqual(await product(client, weights, [1, 2]), [3, 6]);
    assert.deepEqual(await product(client, weights, []), []);
    const info = await client.getInfo({});
    assert.deepEqual([info.runId, info.program, info.weights], ["r", id, [weights]]);
    assert.ok(logs.some((line) => line.includes("PutWeights") && line.includes(weights)));
    for (let i = 0; i < 5; i++) {
      const more = new Map([["w", float32([1], [10 + i])]]);
      await client.putWeights(putting(more, await weightsId(more)));
    }
    await assert.rejects(product(client, weights, [1]), refused("NOT_FOUND", /not held/));
  }));

Deno.test("a run that has ended leaves the learner to another one; a stranger cannot end it", () =>
  withLearner(async (client) => {
    await client.load(loading());
    await client.release({ runId: "other" });
    const other = () => client.load(loading({ runId: "other" }));
    await assert.rejects(other(), refused("RESOURCE_EXHAUSTED", /run r uses this learner/));
    await client.release({ runId: "r" });
    assert.equal((await client.getInfo({})).program, "");
    await other();
  }));

Deno.test("what does not fit is refused and changes nothing", () =>
  withLearner(async (client) => {
    const weights = await weightsId(w);
    const load = (changes: Partial<learnerV1.LoadHeader>) => client.load(loading(changes));
    await assert.rejects(
      load({ baseModelHash: "x" }),
      refused("FAILED_PRECONDITION", /holds base/),
    );
    await assert.rejects(load({ program: "x" }), refused("DATA_LOSS", /its content is/));
    await assert.rejects(load({ graphs: [] }), refused("INVALID_ARGUMENT", /graph 0/));
    await assert.rejects(client.load([]), refused("INVALID_ARGUMENT", /a header first/));
    assert.equal((await client.getInfo({})).program, "");
    await client.load(loading());
    await assert.rejects(load({ runId: "s" }), refused("RESOURCE_EXHAUSTED", /run r uses/));
    const put = (tensors: ReadonlyMap<string, Tensor>, name: string) =>
      client.putWeights(putting(tensors, name));
    await assert.rejects(put(w, "x"), refused("DATA_LOSS", /its content is/));
    for (const wrong of [new Map([["v", w.get("w")!]]), new Map([["w", float32([2], [1, 2])]])]) {
      const name = await weightsId(wrong);
      await assert.rejects(put(wrong, name), refused("INVALID_ARGUMENT", /Cannot hold weights/));
    }
    await assert.rejects(
      client.putWeights([...putting(w, weights)].slice(0, 1)),
      refused("DATA_LOSS", /0 of 4 bytes/),
    );
    assert.deepEqual((await client.getInfo({})).weights, []);
  }));
