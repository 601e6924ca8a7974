/**
 * Builds a graph, differentiates it, runs it in a worker and takes one step of Adam; prints what came out
 * as JSON. Bundled for Node by `node_smoke_test.ts`.
 *
 * @module
 */
import process from "node:process";
import { buildGradientGraph } from "@decorum/autodiff";
import { encodeModel, GraphBuilder, matmul, mul, reduceSum } from "@decorum/onnx";
import { adam, initAdam } from "@decorum/optim";
import { createSession } from "@decorum/runtime";
import { float32 } from "@decorum/tensor";
import * as generation from "@decorum/generation";
import * as learning from "@decorum/learning";
import * as models from "@decorum/models";
import * as algorithms from "@decorum/algorithms";
import * as rpc from "@decorum/rpc";
import * as telemetry from "@decorum/telemetry";
import * as text from "@decorum/text";

// loss = sum((x w)^2)
const builder = new GraphBuilder("smoke");
const x = builder.input("x", "float32", ["rows", 2]);
const w = builder.input("w", "float32", [2, 1]);
const y = matmul(x, w);
builder.output(reduceSum(mul(y, y), [0, 1], false), "loss");
const graph = buildGradientGraph(builder.build(), { loss: "loss", wrt: ["w"] });

const weight = float32([2, 1], [1, -1]);
await using session = await createSession({ bytes: encodeModel(graph) }, { name: "smoke" });
const outputs = await session.run({ x: float32([2, 2], [1, 2, 3, 5]), w: weight });

const params = new Map([["w", weight]]);
const grad = float32([2, 1], outputs["w_grad"]!.data as Float32Array);
const { params: next } = adam(params, initAdam(params), new Map([["w", grad]]), {
  learningRate: 0.5,
});
const rest = { generation, learning, models, algorithms, rpc, telemetry, text };

console.log(JSON.stringify({
  host: `${process.release.name} ${process.versions["deno"] ?? "without Deno"}`,
  loss: [...outputs["loss"]!.data],
  grad: [...grad.data],
  next: [...next.get("w")!.data].map((v) => Math.round(v * 1e4) / 1e4),
  empty: Object.entries(rest).filter(([, m]) => Object.keys(m).length === 0).map(([name]) => name),
}));
