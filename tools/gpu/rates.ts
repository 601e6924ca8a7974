import {
  cast,
  constantOfShape,
  encodeModel,
  type Graph,
  GraphBuilder,
  loop,
  matmul,
  neg,
  reduceMax,
  scalarTensor,
  type Value,
} from "@decorum/onnx";
import { createSession, type RuntimeOptions } from "@decorum/runtime";
import { type ComputeType, int64 } from "@decorum/tensor";
import { seconds } from "../../bench/stats.ts";

/** What the device reaches in the simplest graphs: the floors are computed from it. */
export interface DeviceRates {
  /** Floating-point operations a second of a large square product, by type. */
  readonly products: Readonly<Partial<Record<ComputeType, number>>>;
  /** Bytes a second read and written by an elementwise operator. */
  readonly bandwidth: number;
}

/** `turns` applications of `step` to a value made on the device; only one number comes back. */
function repeated(
  name: string,
  dtype: ComputeType,
  size: readonly number[],
  step: (x: Value, start: Value) => Value,
): Graph {
  const graph = new GraphBuilder(name);
  const turns = graph.input("turns", "int64", []);
  const dims = graph.constant(int64([size.length], size));
  const start = constantOfShape(dims, scalarTensor(1 / size.at(-1)!, "float32"));
  const first = cast(start, dtype);
  const { carried } = loop(turns, true, [first], (body, _i, _cond, x) => ({
    carried: [step(x!, body.capture(first))],
  }), { graph });
  graph.output(reduceMax(cast(carried[0]!, "float32"), [0, 1], false), "largest");
  return graph.build();
}

/** Runs of each count, of which the fastest is taken: a pause of the machine only ever adds time. */
const RUNS = 3;
/** Past this many turns the start is no longer taken off; it is then a small part. */
const MOST_TURNS = 1 << 14;

/**
 * Seconds of one turn: the difference of two counts, so that start and transfers drop out. Turns are doubled until
 * they are most of the time; always positive.
 */
async function secondsPerTurn(graph: Graph, runtime: RuntimeOptions, turns: number) {
  await using session = await createSession(
    { bytes: encodeModel(graph) },
    { ...runtime, name: graph.name },
  );
  const fastest = async (count: number) => {
    let best = Infinity;
    for (let run = 0; run < RUNS; run++) {
      best = Math.min(best, await seconds(() => session.run({ turns: int64([], [count]) })));
    }
    return best;
  };
  await fastest(2);
  for (;; turns *= 2) {
    const [few, many] = [await fastest(2), await fastest(2 + turns)];
    if (many - few > few) return (many - few) / turns;
    if (turns >= MOST_TURNS) return many / (2 + turns);
  }
}

/** @param n rows of the product's matrices; the copied array has `4 n^2` elements. */
export async function measureRates(
  runtime: RuntimeOptions,
  types: readonly ComputeType[],
  n = 8192,
  turns = 20,
): Promise<DeviceRates> {
  const products: Partial<Record<ComputeType, number>> = {};
  for (const type of types) {
    const graph = repeated(`products_${type}`, type, [n, n], matmul);
    products[type] = 2 * n ** 3 / await secondsPerTurn(graph, runtime, turns);
  }
  const copy = repeated("copies", "float32", [2 * n, 2 * n], neg);
  const bandwidth = 2 * 4 * 4 * n ** 2 / await secondsPerTurn(copy, runtime, turns);
  return { products, bandwidth };
}
