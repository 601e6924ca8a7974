import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { castTensor, type DType, float32, InputError, int64, tensor, zeros } from "@decorum/tensor";
import { TemporaryFolder } from "@decorum/testing/folder";
import onnxProto from "onnx-proto";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import {
  add,
  cast,
  constantOfShape,
  encodeModel,
  GraphBuilder,
  if_,
  layerNormalization,
  loop,
  matmul,
  reduceSum,
  reshape,
  shapeOf,
} from "../mod.ts";
import { decodeModel } from "./decode.ts";

const { ModelProto } = onnxProto.onnx;

Deno.test("every attribute kind, element type and nested subgraph comes back equal", () => {
  const g = new GraphBuilder("model");
  const x = g.input("x", "float32", ["batch", "past+1", 8]);
  const scale = g.constant(zeros("float32", [8]), "scale");
  let y = layerNormalization(x, scale, undefined, { epsilon: 1e-6 });
  for (
    const dtype of [
      "float64",
      "float16",
      "bfloat16",
      "int8",
      "uint8",
      "int32",
      "int64",
      "bool",
    ] as DType[]
  ) {
    const constant = g.constant(castTensor(float32([2], [0, 1]), dtype), `of_${dtype}`);
    y = add(y, reduceSum(cast(constant, "float32")));
  }
  y = add(y, constantOfShape(shapeOf(x), float32([1], [0.1])));
  const empty = g.constant(zeros("float32", [0, 3]), "empty");
  const { carried, scans } = loop(5, undefined, [y], (_outer, i, _cond, h) => ({
    carried: loop(i, true, [h], (_inner, _j, running, v) => ({
      cond: if_(running, (then) => [then.capture(running)], (no) => [no.scalar(0, "bool")])[0]!,
      carried: [add(v, x)],
    }), { name: "inner" }).carried,
    scans: [reduceSum(h, [1], false)],
  }), { name: "outer" });
  g.output(carried[0]!, "y");
  g.output(scans[0]!, "sums");
  g.output(reshape(empty, [-1]), "flat");
  const graph = g.build();
  assert.deepEqual(decodeModel(encodeModel(graph)), graph);
  assert.deepEqual(encodeModel(decodeModel(encodeModel(graph))), encodeModel(graph));
});

Deno.test("weights lie in a safetensors file, at any offset", async () => {
  using folder = new TemporaryFolder();
  const values = Float32Array.from([1, 2, 3, 4, 5, 6]);
  const fields = JSON.stringify({
    pad: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
    w: { dtype: "F32", shape: [2, 3], data_offsets: [1, 25] },
  });
  const header = fields.padEnd(Math.ceil(fields.length / 8) * 8);
  const offset = 8 + header.length + 1;
  assert.notEqual(offset % 4, 0, "the case is an offset that no float lies at");
  const file = new Uint8Array(offset + 24);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(new TextEncoder().encode(header), 8);
  file.set(new Uint8Array(values.buffer), offset);
  mkdirSync(folder.join("hub"));
  writeFileSync(folder.join("hub", "model.safetensors"), file);

  const g = new GraphBuilder("external");
  const x = g.input("x", "float32", ["b", 2]);
  const w = g.initializer({
    name: "w",
    type: { dtype: "float32", shape: [2, 3] },
    external: { location: "hub/model.safetensors", offset, length: 24 },
  });
  g.output(matmul(x, w), "y");
  const graph = g.build();
  const bytes = encodeModel(graph);
  assert.deepEqual(decodeModel(bytes), graph);
  writeFileSync(folder.join("model.onnx"), bytes);
  const session = await InferenceSession.create(folder.join("model.onnx"));
  const { y } = await session.run({
    x: new OrtTensor("float32", Float32Array.of(1, 10), [1, 2]),
  });
  assert.deepEqual([...y!.data as Float32Array], [41, 52, 63]);
  await session.release();
});

Deno.test("the result is a buffer of its own, and a tensor owns its data", () => {
  const g = new GraphBuilder("g");
  const w = g.constant(float32([3], [1, 2, 3]), "w");
  g.output(add(g.input("x", "float32", [3]), w), "y");
  const bytes = encodeModel(g.build());
  assert.equal(bytes.byteOffset, 0);
  assert.equal(bytes.byteLength, bytes.buffer.byteLength);
  const decoded = decodeModel(bytes);
  bytes.fill(0);
  const initializer = decoded.initializers.get("w")!;
  assert.ok("data" in initializer);
  assert.deepEqual(initializer.data, tensor("float32", [3], Float32Array.of(1, 2, 3)));
});

Deno.test("types that a file leaves out are inferred; tensors in typed fields are read", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["b", 6]);
  const sizes = g.constant(int64([2], [-1, 3]), "sizes");
  g.output(add(reshape(x, sizes), g.constant(float32([3], [1, 2, 3]), "w")), "y");
  const graph = g.build();
  const model = ModelProto.decode(encodeModel(graph));
  model.graph!.valueInfo = [];
  for (const initializer of model.graph!.initializer!) {
    delete initializer.rawData;
    if (initializer.name === "w") initializer.floatData = [1, 2, 3];
    else initializer.int64Data = [-1, 3];
  }
  assert.deepEqual(decodeModel(ModelProto.encode(model).finish()), graph);
});

Deno.test("what cannot be decoded is named", () => {
  const g = new GraphBuilder("g");
  const w = g.constant(float32([3], [1, 2, 3]), "w");
  g.output(g.op("Add", [g.input("x", "float32", [3]), w], {}, { name: "sum" }), "y");
  const bytes = encodeModel(g.build());
  const changed = (
    change: (graph: NonNullable<ReturnType<typeof ModelProto.decode>["graph"]>) => void,
  ) => {
    const model = ModelProto.decode(bytes);
    change(model.graph!);
    return ModelProto.encode(model).finish();
  };
  const refuses = (model: Uint8Array, message: RegExp) =>
    assert.throws(() => decodeModel(model), (error) => {
      assert.ok(error instanceof InputError || error instanceof InputError);
      assert.match(error.message, message);
      return true;
    });
  refuses(
    changed((p) => p.node![0]!.opType = "Einsum"),
    /node "sum": operator "Einsum" of domain "ai.onnx"/,
  );
  refuses(
    changed((p) => p.node![0]!.domain = "com.microsoft"),
    /node "sum": operator "Add" of domain "com.microsoft"/,
  );
  refuses(
    changed((p) => p.initializer![0]!.dims = [4]),
    /initializer "w": it holds 3 elements.*\[4\] has 4/,
  );
  refuses(changed((p) => p.initializer![0]!.dataType = 8), /initializer "w": element type 8/);
  refuses(changed((p) => p.input![0]!.type!.tensorType!.elemType = 14), /"x": element type 14/);
  refuses(
    changed((p) => p.input![0]!.type!.tensorType!.shape!.dim![0]!.dimValue = 4),
    /do not broadcast/,
  );
  refuses(changed((p) => p.output![0]!.name = "z"), /output "z": nothing computes it/);
  refuses(
    changed((p) => {
      const initializer = p.initializer![0]!;
      delete initializer.rawData;
      initializer.dataLocation = 1;
      initializer.externalData = [{ key: "location", value: "../../secret" }];
    }),
    /initializer "w": location "..\/..\/secret" must not leave/,
  );
  refuses(bytes.subarray(0, bytes.length - 5), /no complete ONNX protobuf message/);
  refuses(new Uint8Array(), /it has no graph/);
});
