import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { Condition } from "@decorum/async";
import { GraphBuilder, identity } from "@decorum/onnx";
import {
  createServer,
  implement,
  learnerService,
  tensorChunks,
  TensorReader,
  tensorSpecs,
} from "@decorum/rpc";
import { arithmeticOf } from "@decorum/runtime";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { float32, type Tensor } from "@decorum/tensor";
import { Learners } from "./learners.ts";

const logger = createLogger({ service: "learner", write: () => {} });

const now = () => Promise.resolve();

/** A learner that computes nothing: the answer to feed `x` is `y = x`, as soon as `answer` says so. `put` holds weights up. */
async function echo(answer: (x: number) => Promise<void> = now, put = now) {
  const machine = await arithmeticOf({});
  const weights = new Set<string>();
  const puts: string[] = [];
  const released: string[] = [];
  const service = implement(learnerService, {
    getInfo: () =>
      Promise.resolve({
        ...{ baseModelHash: "base", machine, runId: "", program: "", weights: [...weights] },
      }),
    async load(requests) {
      for await (const _ of requests);
      return {};
    },
    async putWeights(requests) {
      for await (const { header } of requests) {
        if (!header) continue;
        puts.push(header.weights);
        await put();
        weights.add(header.weights);
      }
      return {};
    },
    release({ runId }) {
      released.push(runId);
      return Promise.resolve({});
    },
    async *run(requests) {
      let reader: TensorReader | undefined;
      for await (const { header, chunk } of requests) {
        if (header) reader = new TensorReader("feeds", header.feeds, 2 ** 20);
        else reader!.write(chunk!);
      }
      const [x] = reader!.finish().get("x")!.data as Float32Array;
      await answer(x!);
      const outputs: [string, Tensor][] = [["y", float32([], [x!])]];
      yield { result: { outputs: tensorSpecs(outputs), seconds: 0 } };
      for (const chunk of tensorChunks(outputs)) yield { chunk };
    },
  });
  const server = await createServer({ address: "127.0.0.1:0", services: [service], logger });
  server.setServing(true);
  return {
    address: server.address,
    ...{ puts, released },
    [Symbol.asyncDispose]: async () => void await server.drain({ graceMs: 0 }),
  };
}

async function open(addresses: readonly string[]): Promise<Learners> {
  const graph = new GraphBuilder("echo");
  graph.output(identity(graph.input("x", "float32", [])), "y");
  const echoed = { graph: graph.build(), files: new Map<string, string>() };
  const never = new AbortController().signal;
  return await Learners.open({ forward: echoed, update: echoed }, {
    ...{ addresses, security: () => ({}), runId: "r", baseModelHash: "base" },
    metrics: createMetrics({ service: "trainer", version: "test" }),
    ...{ arithmetic: await arithmeticOf({}), allowDifferent: false, deadlineMs: 60_000 },
    waiting: { stop: never, cancel: never, say: () => {} },
  });
}

const jobs = Array.from({ length: 40 }, (_, i) => () => ({ x: float32([], [i]) }));
const params = new Map([["w", float32([2], [1, 2])]]);

Deno.test("while the first result is missing, no more are made than three for each learner", async () => {
  const begun: number[] = [];
  const changed = new Condition();
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const answer = async (x: number) => {
    begun.push(x);
    changed.notify();
    if (x === 0) await first;
  };
  await using one = await echo(answer);
  await using two = await echo(answer);
  await using learners = await open([one.address, two.address]);
  const found: number[] = [];
  const reading = (async () => {
    for await (const { y } of learners.run("update", jobs, [params])) {
      found.push(Number(y!.data[0]));
    }
  })();
  while (begun.length < 6) await changed.wait();
  // Whatever else would be begun has many turns for it.
  for (let turn = 0; turn < 300; turn++) await setImmediate();
  assert.deepEqual(begun.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(found, []);
  resolve();
  await reading;
  assert.deepEqual(found, jobs.map((_, i) => i));
});

Deno.test("weights go to each learner once; one that does not take them keeps the next ones for a moment only", async () => {
  const { promise: taken, resolve } = Promise.withResolvers<void>();
  const changed = new Condition();
  let held = false;
  // Whoever is first hangs.
  const put = () => {
    changed.notify();
    if (held) return now();
    held = true;
    return taken;
  };
  await using one = await echo(now, put);
  await using two = await echo(now, put);
  const learners = await open([one.address, two.address]);
  const pass = () => Array.fromAsync(learners.run("forward", jobs, [params]));
  const first = pass();
  while (one.puts.length + two.puts.length < 2) await changed.wait();
  resolve();
  assert.equal((await first).length, jobs.length);
  assert.equal((await pass()).length, jobs.length);
  assert.deepEqual(one.puts, two.puts);
  assert.equal(one.puts.length, 1);
  await learners[Symbol.asyncDispose]();
  assert.deepEqual([one.released, two.released], [["r"], ["r"]]);
});
