import assert from "node:assert/strict";
import { castTensor } from "./cast.ts";
import { computeTypeOf } from "./mod.ts";
import { type DType, float32, InputError, int64, isFloat, tensor } from "./tensor.ts";

const dtypes: DType[] = [
  "float32",
  "float64",
  "float16",
  "bfloat16",
  "int8",
  "uint8",
  "int32",
  "int64",
  "bool",
];

Deno.test("small integers survive a cast between every two types", () => {
  const source = float32([2, 2], [0, 1, 5, 120]);
  for (const from of dtypes) {
    for (const to of dtypes) {
      const expected = from === "bool" || to === "bool" ? [0, 1, 1, 1] : [0, 1, 5, 120];
      const cast = castTensor(castTensor(source, from), to);
      assert.equal(cast.dtype, to);
      assert.deepEqual(cast.dims, [2, 2]);
      assert.deepEqual([...castTensor(cast, "float64").data], expected, `${from} to ${to}`);
    }
  }
});

Deno.test("a cast to the same type is the same tensor; any other is a copy", () => {
  const source = float32([1], [1]);
  assert.equal(castTensor(source, "float32"), source);
  assert.notEqual(castTensor(source, "float64").data.buffer, source.data.buffer);
});

Deno.test("floats truncate toward zero; NaN and overflow to an integer are refused", () => {
  const source = float32([3], [-1.9, 1.9, 127.5]);
  assert.deepEqual([...castTensor(source, "int8").data], [-1, 1, 127]);
  assert.deepEqual([...castTensor(source, "int64").data], [-1n, 1n, 127n]);
  for (const value of [NaN, Infinity, 128, -129]) {
    assert.throws(
      () => castTensor(float32([2], [0, value]), "int8"),
      new InputError(
        `Cannot cast a float32 tensor to int8: element 1 is ${value}, expected -128 to 127`,
      ),
    );
  }
  assert.throws(() => castTensor(float32([1], [2 ** 63]), "int64"), InputError);
  assert.deepEqual([...castTensor(float32([1], [-(2 ** 63)]), "int64").data], [-(2n ** 63n)]);
  assert.throws(() => castTensor(int64([1], [2 ** 31]), "int32"), /element 0 is 2147483648/);
});

Deno.test("floats keep NaN and infinity, and overflow to infinity", () => {
  const source = float32([4], [NaN, -Infinity, 1e38, -0]);
  for (const to of dtypes.filter(isFloat)) {
    const [nan, infinity, large, zero] = castTensor(castTensor(source, to), "float64").data;
    assert.ok(Number.isNaN(nan));
    assert.equal(infinity, -Infinity);
    assert.equal(large === Infinity, to === "float16");
    assert.ok(Object.is(zero, -0));
  }
  assert.deepEqual([...castTensor(source, "bool").data], [1, 1, 1, 0]);
});

Deno.test("float64 narrows to float16 in one rounding", () => {
  const source = tensor("float64", [1], Float64Array.of(1 + 2 ** -11 + 2 ** -40));
  assert.deepEqual([...castTensor(source, "float16").data], [0x3c01]);
});

Deno.test("every precision has the element type of its name", () => {
  assert.deepEqual((["fp32", "fp16", "bf16"] as const).map(computeTypeOf), [
    "float32",
    "float16",
    "bfloat16",
  ]);
});
