import * as ops from "@decorum/onnx";
import { int64 } from "@decorum/tensor";
import type { Use } from "./stepwise.ts";

/** One use of each operator that is not differentiable, on the path from an input to its output. */
export const refusedCases: Readonly<Record<string, Use>> = {
  If: (i) => {
    const x = i.x(["s", 4]);
    const [y] = ops.if_(
      i.condition([]),
      (then) => [ops.neg(then.capture(x))],
      (otherwise) => [ops.exp(otherwise.capture(x))],
    );
    return y!;
  },
  Loop: (i) => {
    const state = ops.loop(2, undefined, [i.x(["s", 4])], (_body, _i, _cond, x) => ({
      carried: [ops.tanh(x)],
    }));
    return state.carried[0]!;
  },
  TensorScatter: (i) => ops.tensorScatter(i.x([2, 5, 4]), i.x([2, 1, 4]), i.indices([2], [3, 0])),
  TopK: (i) => ops.topK(i.x([3, 4]), 2).values,
  GatherND: (i) => ops.gatherND(i.x([3, 4]), i.indices([2, 1], [0, 2])),
  OneHot: (i) => {
    const depth = i.graph.constant(int64([], [5]));
    return i.graph.op("OneHot", [i.indices([3], [0, 4, 1]), depth, i.x([2])], { axis: -1 });
  },
  Range: (i) => ops.range(i.x([]), 4),
  Pad: (i) => ops.pad(i.x([3, 4]), [0, 1, 1, 0]),
  Tile: (i) => ops.tile(i.x([3, 4]), [2, 1]),
  DequantizeLinear: (i) => ops.dequantizeLinear(ops.cast(i.indices([3, 4], [1]), "int8"), i.x([])),
  DynamicQuantizeLinear: (i) => ops.dynamicQuantizeLinear(ops.cast(i.x([3, 4]), "float32")).scale,
};
