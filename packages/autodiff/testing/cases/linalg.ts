import { gemm, matmul, type Shape, type Value } from "@decorum/onnx";
import type { GradientCase, GradientCases } from "../case.ts";

const products: readonly (readonly [name: string, a: Shape, b: Shape])[] = [
  ["matrices", [2, 3], [3, 4]],
  ["matrices, symbolic", ["b", "s"], ["s", "d"]],
  ["batches", [2, 3, 4], [2, 4, 5]],
  ["batches and heads, symbolic", ["b", 3, "s", 4], ["b", 3, 4, "t"]],
  ["one matrix for all batches", [2, 3, 4], [4, 5]],
  ["one matrix for all batches, symbolic rows", ["b", "s", 4], [4, 5]],
  ["one matrix for all batches, symbolic width", ["b", "s", "d"], ["d", 5]],
  ["one matrix for all batches and heads", [2, 3, 2, 4], [4, 5]],
  ["one matrix on the left", [3, 4], [2, 4, 5]],
  ["batch of 1 on the right", [2, 3, 4], [1, 4, 5]],
  ["batch of 1 on the left, symbolic", [1, "s", 4], ["b", 4, "t"]],
  ["both batches broadcast", [2, 1, 3, 4], [3, 4, 5]],
];

function matmulCases(): GradientCase[] {
  return [
    ...products.map(([name, a, b]) => ({
      name,
      build: (i: Parameters<GradientCase["build"]>[0]) => matmul(i.x(a), i.x(b)),
    })),
    { name: "left only", build: (i) => matmul(i.x(["b", "s", 4]), i.unwanted([4, 5])) },
    { name: "right only", build: (i) => matmul(i.unwanted(["b", "s", 4]), i.x([4, 5])) },
    {
      name: "a value with itself",
      build: (i) => {
        const x = i.x([3, 3]);
        return matmul(x, x);
      },
    },
  ];
}

const summands: readonly (readonly [name: string, c: Shape])[] = [
  ["C [N]", [5]],
  ["C [1, N]", [1, 5]],
  ["C [M, 1]", [3, 1]],
  ["C [M, N]", [3, 5]],
  ["C [1]", [1]],
  ["C scalar", []],
];

function gemmCases(): GradientCase[] {
  const cases: GradientCase[] = [];
  for (const transA of [false, true]) {
    for (const transB of [false, true]) {
      const a = (m: Shape) => (transA ? m.toReversed() : m);
      const b = (m: Shape) => (transB ? m.toReversed() : m);
      const name = `${transA ? "A'" : "A"} ${transB ? "B'" : "B"}`;
      cases.push(
        { name, build: (i) => gemm(i.x(a([3, 4])), i.x(b([4, 5])), undefined, { transA, transB }) },
        {
          name: `${name}, alpha, beta and C, symbolic`,
          build: (i) =>
            gemm(i.x(a(["s", "d"])), i.x(b(["d", "t"])), i.x(["t"]), {
              transA,
              transB,
              alpha: 0.5,
              beta: -2,
            }),
        },
      );
    }
  }
  for (const [name, c] of summands) {
    const build = (beta?: number): GradientCase["build"] => (i): Value =>
      gemm(i.x([3, 4]), i.x([4, 5]), i.x(c), beta === undefined ? {} : { beta });
    cases.push({ name, build: build() }, { name: `${name}, beta 3`, build: build(3) });
  }
  cases.push(
    { name: "A only", build: (i) => gemm(i.x(["s", 4]), i.unwanted([4, 5]), i.unwanted([5])) },
    { name: "B only", build: (i) => gemm(i.unwanted(["s", 4]), i.x([4, 5]), i.unwanted([5])) },
    { name: "C only", build: (i) => gemm(i.unwanted(["s", 4]), i.unwanted([4, 5]), i.x([5])) },
  );
  return cases;
}

export const linalgCases: GradientCases = { MatMul: matmulCases(), Gemm: gemmCases() };
