import * as ops from "@decorum/onnx";
import type { GradientCases } from "../case.ts";

export const indexingCases: GradientCases = {
  Gather: [
    {
      name: "rows by a matrix, repeated",
      build: (i) => ops.gather(i.x([5, 3]), i.indices([2, 3], [0, 4, 4])),
    },
    {
      name: "rows by a matrix, symbolic",
      build: (i) => ops.gather(i.x([5, "d"]), i.indices(["b", "s"], [1, 1, 0, -1])),
    },
    {
      name: "rows by a vector, symbolic",
      build: (i) => ops.gather(i.x(["t", 4]), i.indices(["s"], [4, 2, 4])),
    },
    {
      name: "rows by a vector of int32",
      build: (i) => ops.gather(i.x([5, 4]), i.indices([3], [0, 0, 2], "int32")),
    },
    { name: "a row by a scalar", build: (i) => ops.gather(i.x([5, 3]), 2) },
    {
      name: "elements of a vector",
      build: (i) => ops.gather(i.x([5]), i.indices([2, 3], [3, 3, 1])),
    },
    {
      name: "middle axis by a matrix",
      build: (i) => ops.gather(i.x([2, 5, 3]), i.indices([2, 2], [4, 0, 4, 1]), 1),
    },
    {
      name: "negative axis by a matrix, symbolic",
      build: (i) => ops.gather(i.x(["b", "t", "d"]), i.indices(["s", "b"], [0, 3, 3]), -2),
    },
    {
      name: "last axis by a vector",
      build: (i) => ops.gather(i.x(["b", 5]), i.indices([4], [1, -1, 1, 0]), -1),
    },
    {
      name: "first token by a scalar, symbolic",
      build: (i) => ops.gather(i.x(["b", "s", 4]), 0, 1),
    },
  ],
  GatherElements: [
    {
      name: "last axis",
      build: (i) => ops.gatherElements(i.x([3, 5]), i.indices([3, 2], [4, 4, 0]), 1),
    },
    {
      name: "first axis, fewer columns",
      build: (i) => ops.gatherElements(i.x([5, 3]), i.indices([4, 2], [4, 0, 0, 1]), 0),
    },
    {
      name: "negative axis and indices, symbolic",
      build: (i) => ops.gatherElements(i.x(["b", "t"]), i.indices(["b", 1], [-1, 2]), -1),
    },
  ],
  ScatterElements: [
    {
      name: "none",
      build: (i) =>
        ops.scatterElements(i.x([3, 5]), i.indices([3, 2], [0, 4]), i.x([3, 2]), { axis: 1 }),
    },
    {
      name: "none, symbolic",
      build: (i) =>
        ops.scatterElements(i.x(["b", "t"]), i.indices(["b", "s"], [4, 1, 0]), i.x(["b", "s"]), {
          axis: -1,
        }),
    },
    {
      name: "add, repeated",
      build: (i) =>
        ops.scatterElements(i.x([3, 5]), i.indices([3, 2], [2, 2]), i.x([3, 2]), {
          axis: 1,
          reduction: "add",
        }),
    },
    {
      name: "data only",
      build: (i) => ops.scatterElements(i.x([5, 2]), i.indices([1, 2], [3, 0]), i.unwanted([1, 2])),
    },
    {
      name: "updates only",
      build: (i) => ops.scatterElements(i.unwanted([5, 2]), i.indices([1, 2], [3, 0]), i.x([1, 2])),
    },
  ],
  ScatterND: [
    {
      name: "none, rows",
      build: (i) => ops.scatterND(i.x([5, 3]), i.indices([2, 1], [4, 0]), i.x([2, 3])),
    },
    {
      name: "none, elements, symbolic",
      build: (i) =>
        ops.scatterND(i.x(["t", "d"]), i.indices(["s", 2], [0, 1, 1, 1, 4, 3]), i.x(["s"])),
    },
    {
      name: "add, repeated",
      build: (i) => ops.scatterND(i.x([5, 3]), i.indices([3, 1], [1, 1, 2]), i.x([3, 3]), "add"),
    },
    {
      name: "data only",
      build: (i) => ops.scatterND(i.x([5, 3]), i.indices([2, 1], [4, 0]), i.unwanted([2, 3])),
    },
    {
      name: "updates only",
      build: (i) => ops.scatterND(i.unwanted([5, 3]), i.indices([2, 1], [4, 0]), i.x([2, 3])),
    },
  ],
};
