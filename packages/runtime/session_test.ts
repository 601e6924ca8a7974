import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { float32, InputError, int64, tensor } from "@decorum/tensor";
import { createSession } from "./mod.ts";
import { bool, model, threads } from "./testing/models.ts";

Deno.test("a session names its inputs and outputs and computes what is fetched", async () => {
  await using session = await createSession(model("sum_product"), { ...threads, name: "sp" });
  assert.deepEqual(session.inputs[0], { name: "x", dtype: "float32", dims: ["n", 3] });
  assert.deepEqual(session.inputNames, ["x", "y"]);
  assert.deepEqual(session.outputNames, ["sum", "product"]);
  const x = float32([2, 3], [1, 2, 3, 4, 5, 6]);
  const y = float32([2, 3], [2, 2, 2, 3, 3, 3]);
  const both = await session.run({ x, y });
  assert.deepEqual(both["sum"], float32([2, 3], [3, 4, 5, 7, 8, 9]));
  assert.deepEqual(both["product"], float32([2, 3], [2, 4, 6, 12, 15, 18]));
  const { product, sum } = await session.run({ x, y }, ["product"]);
  assert.deepEqual([...product?.data ?? []], [2, 4, 6, 12, 15, 18]);
  assert.equal(sum, undefined);
  assert.equal(x.data.length, 6, "feeds stay the caller's");
});

Deno.test("a model may be given as bytes, a part of a larger buffer included", async () => {
  const file = readFileSync(model("sum_product").path);
  const padded = new Uint8Array(file.length + 10);
  padded.set(file, 5);
  const bytes = padded.subarray(5, 5 + file.length);
  await using session = await createSession({ bytes }, threads);
  const one = float32([1, 3], [1, 1, 1]);
  const { sum } = await session.run({ x: one, y: one });
  assert.deepEqual(sum, float32([1, 3], [2, 2, 2]));
  await assert.rejects(createSession({}), /either bytes or path/);
  await assert.rejects(createSession({ bytes, path: "x" }), /either bytes or path/);
});

Deno.test("every portable element type passes unchanged, half floats as bits", async () => {
  await using session = await createSession(model("every_type"), threads);
  const feeds = {
    float32: float32([2], [0.5, -1]),
    float64: tensor("float64", [2], Float64Array.of(Math.PI, -1)),
    float16: tensor("float16", [2], Uint16Array.of(0x3c00, 0xc100)), // 1, -2.5
    int8: tensor("int8", [2], Int8Array.of(-128, 127)),
    uint8: tensor("uint8", [2], Uint8Array.of(0, 255)),
    int32: tensor("int32", [2], Int32Array.of(-(2 ** 31), 7)),
    int64: int64([2], [-5, 9]),
    bool: bool([2], [true, false]),
  };
  const out = await session.run(feeds);
  for (const [name, given] of Object.entries(feeds)) assert.deepEqual(out[`${name}_out`], given);
  assert.deepEqual(out["float16_widened"], float32([2], [1, -2.5]));
});

Deno.test("a bfloat16 input is refused when the session is created", async () => {
  await assert.rejects(
    createSession(model("bfloat16_input"), { ...threads, name: "half" }),
    /Cannot create session "half".*bfloat16/,
  );
});

Deno.test("an empty tensor passes", async () => {
  await using session = await createSession(model("sum_product"), threads);
  const { sum } = await session.run({ x: float32([0, 3], []), y: float32([0, 3], []) });
  assert.deepEqual(sum, float32([0, 3], []));
});

Deno.test("transfer takes the feeds' storage, once for tensors that share it", async () => {
  await using session = await createSession(model("sum_product"), threads);
  const x = float32([1, 3], [1, 2, 3]);
  const { sum } = await session.run({ x, y: x }, undefined, { transfer: true });
  assert.deepEqual(sum, float32([1, 3], [2, 4, 6]));
  assert.equal(x.data.length, 0);
  const whole = Float32Array.of(9, 1, 2, 3, 9);
  const part = tensor("float32", [1, 3], whole.subarray(1, 4));
  const again = await session.run({ x: part, y: part }, undefined, { transfer: true });
  assert.deepEqual(again["sum"], float32([1, 3], [2, 4, 6]));
  assert.deepEqual([...whole], [9, 1, 2, 3, 9], "a part of a larger buffer is copied");
});

Deno.test("a feed is read when run is called, not when its turn comes", async () => {
  await using session = await createSession(model("sum_product"), threads);
  const x = float32([1, 3], [1, 1, 1]);
  const y = float32([1, 3], [0, 0, 0]);
  const runs = Array.from({ length: 5 }, (_, i) => {
    x.data.fill(i);
    return session.run({ x, y }, ["sum"]);
  });
  const results = await Promise.all(runs);
  assert.deepEqual(results.map((r) => r["sum"]?.data[0]), [0, 1, 2, 3, 4]);
});

Deno.test("feeds that do not fit are refused by name, found and expected", async () => {
  await using session = await createSession(model("sum_product"), { ...threads, name: "sp" });
  const good = float32([1, 3], [1, 2, 3]);
  const refused = async (feeds: Parameters<typeof session.run>[0], message: RegExp) =>
    await assert.rejects(
      session.run(feeds),
      (e) => e instanceof InputError && message.test(e.message),
    );
  await refused({ x: good }, /session "sp": missing inputs: "y"; unknown inputs: none/);
  await refused({ x: good, y: good, z: good }, /unknown inputs: "z"; it takes "x", "y"/);
  await refused(
    { x: good, y: int64([1, 3], [1, 2, 3]) },
    /"y" is int64\[1, 3\], expected float32\[n, 3\]/,
  );
  await refused(
    { x: good, y: float32([3], [1, 2, 3]) },
    /"y" is float32\[3\], expected float32\[n, 3\]/,
  );
  await refused({ x: good, y: float32([1, 2], [1, 2]) }, /"y" is float32\[1, 2\]/);
  await refused(
    { x: good, y: { dtype: "float32", dims: [1, 3], data: new Float32Array(2) } },
    /"y" holds 2 elements in a Float32Array, expected 3/,
  );
  await refused(
    { x: good, y: { dtype: "float32", dims: [1, 3], data: new Int32Array(3) as never } },
    /in a Int32Array, expected 3 in a Float32Array/,
  );
  await assert.rejects(
    session.run({ x: good, y: good }, ["sum", "quotient"]),
    /Cannot fetch "quotient" from session "sp": it gives "sum", "product"/,
  );
  assert.equal((await session.run({ x: good, y: good }))["sum"]?.data[0], 2, "still usable");
});

Deno.test("a failing run is an error with onnxruntime's words, and the session still works", async () => {
  await using session = await createSession(model("square_of_four"), { ...threads, name: "sq" });
  await assert.rejects(
    session.run({ x: float32([3], [1, 2, 3]) }),
    /Cannot run session "sq": .*Reshape/s,
  );
  const { y } = await session.run({ x: float32([4], [1, 2, 3, 4]) });
  assert.deepEqual(y?.dims, [2, 2]);
});

Deno.test("a model that is none is an error that names the session", async () => {
  await assert.rejects(
    createSession({ bytes: Uint8Array.of(1, 2, 3) }, { name: "broken" }),
    /Cannot create session "broken": /,
  );
  await assert.rejects(createSession({ path: "/nowhere/m.onnx" }), /nowhere\/m\.onnx/);
});

Deno.test("cuda without its libraries is an error that names them, before anything is loaded", async () => {
  await assert.rejects(
    createSession(model("slow"), { executionProvider: "cuda", name: "gpu" }),
    (error) =>
      error instanceof Error &&
      /Cannot create session "gpu": execution provider "cuda" cannot be loaded/.test(
        error.message,
      ) &&
      error.message.includes("libonnxruntime_providers_cuda.so"),
  );
});
