import * as ops from "@decorum/onnx";
import type { Shape, Value } from "@decorum/onnx";
import type { GradientCase, GradientCases } from "../case.ts";
import type { Domain } from "../inputs.ts";

type Reduction = (x: Value, axes?: readonly number[], keepdims?: boolean) => Value;

const shapes: readonly (readonly [name: string, shape: Shape])[] = [
  ["static", [2, 3, 4]],
  ["symbolic", ["b", "s", "d"]],
  ["a symbolic product", ["b*s", 2, "d"]],
];

const axes: readonly (readonly number[] | undefined)[] = [undefined, [0], [-1], [1, 2], [-1, 0]];

function reduction(opType: string, f: Reduction, domain: Domain = "any"): GradientCase[] {
  const cases: GradientCase[] = shapes.flatMap(([name, shape]) =>
    axes.flatMap((list) =>
      [true, false].map((keepdims): GradientCase => ({
        name: `${name}, ${list ? `axes ${list}` : "all axes"}, keepdims ${keepdims ? 1 : 0}`,
        build: (i) => f(i.x(shape, domain), list, keepdims),
      }))
    )
  );
  cases.push(
    { name: "scalar", build: (i) => f(i.x([], domain), undefined, true) },
    {
      name: "no axes with noop_with_empty_axes",
      build: (i) =>
        i.graph.op(opType, [i.x([2, "s"], domain)], { keepdims: 0, noop_with_empty_axes: 1 }),
    },
  );
  return cases;
}

export const reductionCases: GradientCases = {
  ReduceSum: reduction("ReduceSum", ops.reduceSum),
  ReduceMean: [
    ...reduction("ReduceMean", ops.reduceMean),
    {
      name: "an axis whose size no input names",
      build: (i) => {
        const x = ops.slice(i.x(["b", "t"]), [0], [3], [1]);
        return ops.reduceMean(x, [1], false);
      },
    },
  ],
  ReduceMax: reduction("ReduceMax", ops.reduceMax, "apart"),
  ReduceMin: reduction("ReduceMin", ops.reduceMin, "apart"),
  CumSum: [
    { name: "plain", build: (i) => ops.cumSum(i.x([3, 4]), 0) },
    { name: "negative axis", build: (i) => ops.cumSum(i.x(["b", "s", 4]), -2) },
    { name: "exclusive", build: (i) => ops.cumSum(i.x([3, 4]), 1, { exclusive: true }) },
    { name: "reverse", build: (i) => ops.cumSum(i.x(["s", "d"]), 1, { reverse: true }) },
    {
      name: "exclusive and reverse",
      build: (i) => ops.cumSum(i.x([3, 4]), 1, { exclusive: true, reverse: true }),
    },
  ],
};
