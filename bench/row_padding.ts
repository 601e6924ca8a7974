import { encodeModel, gemm, GraphBuilder, sizeOf } from "@decorum/onnx";
import { createSession, type InferenceSession } from "@decorum/runtime";
import { float32 } from "@decorum/tensor";
import { seconds } from "./stats.ts";

export interface RowPaddingOptions {
  readonly threads: number;
  readonly rows: number;
  /** Features of the left operand: 2048 and 3072 lie a multiple of 4096 bytes apart. */
  readonly width: number;
  readonly out: number;
  readonly rounds: number;
}

/** Elements that `Linear.padding` appends. */
const LINE = 16;

/**
 * One product with a frozen weight, with and without a cache line of zeros behind every row, in turn. Operations are
 * those without zeros; the fastest of the rounds counts.
 */
export async function benchRowPadding({ threads, rows, width, out, rounds }: RowPaddingOptions) {
  const made: { session: InferenceSession; x: ReturnType<typeof wave>; best: number }[] = [];
  for (const inner of [width, width + LINE]) {
    const graph = new GraphBuilder("product");
    const x = graph.input("x", "float32", [rows, inner]);
    const product = gemm(x, graph.constant(wave([out, inner], width)), undefined, { transB: true });
    graph.output(sizeOf(product), "elements"); // consumes the product without copying it
    const session = await createSession(
      { bytes: encodeModel(graph.build()) },
      { intraOpThreads: threads, graphOptimizationLevel: "disabled" },
    );
    made.push({ session, x: wave([rows, inner], width), best: Infinity });
  }
  for (let round = 0; round < rounds; round++) {
    for (const one of made) {
      one.best = Math.min(one.best, await seconds(() => one.session.run({ x: one.x })));
    }
  }
  for (const { session } of made) await session.release();
  const [plain, padded] = made.map(({ best }) => 2 * rows * width * out / best / 1e9);
  return {
    plain_gflops_per_s: plain!,
    padded_gflops_per_s: padded!,
    speedup: padded! / plain!,
  };
}

/** Rows of anything, with zeros from `width` on. */
function wave(dims: readonly [number, number], width: number) {
  const tensor = float32(dims, new Float32Array(dims[0] * dims[1]));
  for (let i = 0; i < tensor.data.length; i++) {
    tensor.data[i] = i % dims[1] < width ? Math.sin(i) : 0;
  }
  return tensor;
}
