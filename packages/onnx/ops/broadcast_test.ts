import assert from "node:assert/strict";
import fc from "fast-check";
import { add, type Dim, GraphBuilder, matmul, type Shape, where } from "../mod.ts";

const dim = fc.constantFrom<Dim>(1, 1, 2, 3, "a", "b");
const shape = fc.array(dim, { maxLength: 4 });

/** The rule said another way: pad with ones in front, and no axis may hold two sizes other than 1. */
function reference(...shapes: Shape[]): Dim[] | undefined {
  const rank = Math.max(...shapes.map((s) => s.length));
  const padded = shapes.map((s) => [...Array<Dim>(rank - s.length).fill(1), ...s]);
  const axes = Array.from({ length: rank }, (_, axis) => [...new Set(padded.map((s) => s[axis]!))]);
  const sizes = axes.map((dims) => dims.filter((d) => d !== 1));
  return sizes.every((dims) => dims.length <= 1) ? sizes.map((dims) => dims[0] ?? 1) : undefined;
}

function expectShape(make: () => { shape: Shape }, expected: Dim[] | undefined): void {
  if (expected) assert.deepEqual(make().shape, expected);
  else assert.throws(make, /do not broadcast/);
}

Deno.test("two shapes broadcast as numpy's do, a symbol only with itself and 1", () => {
  fc.assert(fc.property(shape, shape, (a, b) => {
    const g = new GraphBuilder("g");
    const [x, y] = [g.input("x", "float32", a), g.input("y", "float32", b)];
    expectShape(() => add(x, y), reference(a, b));
    expectShape(() => add(y, x), reference(a, b));
  }));
});

Deno.test("three shapes broadcast, in whatever order", () => {
  fc.assert(fc.property(shape, shape, shape, (a, b, c) => {
    const g = new GraphBuilder("g");
    const [cond, y, z] = [
      g.input("c", "bool", a),
      g.input("y", "int64", b),
      g.input("z", "int64", c),
    ];
    expectShape(() => where(cond, y, z), reference(a, b, c));
  }));
});

Deno.test("the leading dimensions of a matrix product broadcast", () => {
  fc.assert(fc.property(shape, shape, dim, dim, dim, (a, b, m, k, n) => {
    const g = new GraphBuilder("g");
    const x = g.input("x", "float32", [...a, m, k]);
    const y = g.input("y", "float32", [...b, k, n]);
    const batch = reference(a, b);
    expectShape(() => matmul(x, y), batch && [...batch, m, n]);
  }));
});

Deno.test("the error names both dimensions", () => {
  const g = new GraphBuilder("g");
  const [x, y] = [g.input("x", "float32", ["b", "s"]), g.input("y", "float32", ["b", "t"])];
  assert.throws(
    () => add(x, y),
    /Add node "Add_\d+" from inputs \(float32\[b, s\], float32\[b, t\]\): dimensions s and t at axis 1 .* do not broadcast/,
  );
  assert.throws(() => add(x, g.input("z", "float32", [4])), /dimensions s and 4 at axis 1/);
});
