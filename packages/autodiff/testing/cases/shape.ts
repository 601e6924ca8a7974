import * as ops from "@decorum/onnx";
import { int64 } from "@decorum/tensor";
import type { GradientCases } from "../case.ts";

const END = 2 ** 31 - 1;

export const shapeCases: GradientCases = {
  Reshape: [
    { name: "static", build: (i) => ops.reshape(i.x([3, 4]), [2, 6]) },
    { name: "-1", build: (i) => ops.reshape(i.x(["b", "s", 4]), [-1, 4]) },
    { name: "0 and -1", build: (i) => ops.reshape(i.x(["b", "s", 2, 2]), [0, 0, -1]) },
    { name: "-1 from a product", build: (i) => ops.reshape(i.x(["b*s", 4]), [-1]) },
    { name: "to a scalar and back", build: (i) => ops.reshape(ops.reshape(i.x([1, 1]), []), [1]) },
    {
      name: "to the shape of another value",
      build: (i) => ops.reshapeLike(i.x(["b*s", 4]), i.unwanted(["b", "s", 4])),
    },
    {
      name: "sizes that no input names",
      build: (i) => {
        const cut = ops.slice(i.x(["b", "t", 4]), [0], [3], [1]);
        return ops.reshape(cut, [-1]);
      },
    },
  ],
  Transpose: [
    { name: "reversed by default", build: (i) => ops.transpose(i.x([2, 3, 4])) },
    { name: "a rotation", build: (i) => ops.transpose(i.x(["b", "s", "d"]), [1, 2, 0]) },
    { name: "heads", build: (i) => ops.transpose(i.x(["b", "s", 2, 4]), [0, 2, 3, 1]) },
  ],
  Squeeze: [
    { name: "all", build: (i) => ops.squeeze(i.x([1, "s", 1])) },
    { name: "negative axis", build: (i) => ops.squeeze(i.x(["b", "s", 1]), [-1]) },
    { name: "to a scalar", build: (i) => ops.squeeze(i.x([1]), [0]) },
  ],
  Unsqueeze: [
    { name: "both ends", build: (i) => ops.unsqueeze(i.x(["s", "d"]), [0, -1]) },
    { name: "a scalar", build: (i) => ops.unsqueeze(i.x([]), [0]) },
  ],
  Expand: [
    { name: "scalar", build: (i) => ops.expand(i.x([]), [3, 4]) },
    { name: "column", build: (i) => ops.expand(i.x([3, 1]), [2, 3, 4]) },
    { name: "row, symbolic", build: (i) => ops.expandLike(i.x(["d"]), i.unwanted(["s", "d"])) },
    { name: "to fewer dimensions", build: (i) => ops.expand(i.x([2, 1, 4]), [3, 1]) },
    { name: "to sizes the run knows", build: (i) => ops.expand(i.x([1]), i.indices([1], [5])) },
  ],
  Concat: [
    {
      name: "three, the second not wanted",
      build: (i) => ops.concat([i.x([2, 1]), i.unwanted([2, 3]), i.x([2, 2])], 1),
    },
    {
      name: "three, the first wanted, symbolic",
      build: (i) =>
        ops.concat([i.x(["b", "s"]), i.unwanted(["b", "t"]), i.unwanted(["b", "s"])], -1),
    },
    {
      name: "three, symbolic",
      build: (i) => ops.concat([i.x(["b", "s"]), i.x(["b", 1]), i.x(["b", "t"])], -1),
    },
    {
      name: "one value twice",
      build: (i) => {
        const x = i.x([2, "s"]);
        return ops.concat([x, i.unwanted([1, "s"]), x], 0);
      },
    },
    { name: "one", build: (i) => ops.concat([i.x([2, 3])], 0) },
  ],
  Split: [
    { name: "uneven", build: (i) => ops.split(i.x(["b", 7]), [1, 4, 2], 1) },
    {
      name: "uneven, one output unused",
      build: (i) => ops.split(i.x([7, "s"]), [1, 4, 2], 0).toSpliced(1, 1),
    },
    { name: "in equal parts", build: (i) => ops.split(i.x([2, 6]), 3, -1) },
    {
      name: "in parts of which the last is smaller, the first used",
      build: (i) => ops.split(i.x([5, 2]), 2, 0).slice(0, 1),
    },
    { name: "symbolic, one output used", build: (i) => ops.split(i.x(["2*s", 3]), 2, 0).slice(1) },
  ],
  Slice: [
    { name: "one axis", build: (i) => ops.slice(i.x([4, 5]), [1], [3], [1]) },
    {
      name: "several axes, negative end and open end",
      build: (i) => ops.slice(i.x([4, 5, 6]), [1, 0, 2], [-1, 4, END]),
    },
    { name: "negative starts", build: (i) => ops.slice(i.x([4, 5]), [-3, -9], [-1, 2], [0, 1]) },
    { name: "symbolic, open end", build: (i) => ops.slice(i.x(["b", "t"]), [2], [END], [1]) },
    { name: "symbolic, negative end", build: (i) => ops.slice(i.x(["b", "t"]), [1], [-1], [-1]) },
    { name: "symbolic, a prefix", build: (i) => ops.slice(i.x(["b", "t"]), [0], [3], [1]) },
    { name: "symbolic, last element", build: (i) => ops.slice(i.x(["b", "t"]), [-1], [END], [1]) },
    {
      name: "an end that the run knows",
      build: (i) => {
        const end = ops.shapeOf(i.unwanted(["s"]));
        return ops.slice(i.x(["b", "t"]), i.graph.constant(int64([1], [0])), end, [1]);
      },
    },
    { name: "steps of 1", build: (i) => ops.slice(i.x([4, 5]), [1, 2], [3, 5], [1, 0], [1, 1]) },
  ],
  Trilu: [
    { name: "upper", build: (i) => ops.trilu(i.x([4, 5])) },
    { name: "lower", build: (i) => ops.trilu(i.x(["b", "s", "t"]), { upper: false }) },
    { name: "upper from the second diagonal", build: (i) => ops.trilu(i.x([4, 5]), { k: 2 }) },
    { name: "lower, k -1", build: (i) => ops.trilu(i.x([4, 4]), { upper: false, k: -1 }) },
  ],
};
