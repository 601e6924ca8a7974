import assert from "node:assert/strict";
import { InputError, normals, randomKey, type Tensor } from "@decorum/tensor";
import {
  add,
  cast,
  encodeModel,
  type Graph,
  GraphBuilder,
  mul,
  printGraph,
  reduceSum,
  type Value,
} from "@decorum/onnx";
import { createSession, type InferenceSession, type SessionWorker } from "@decorum/runtime";
import { buildGradientGraph } from "../mod.ts";
import type { GradientCase } from "./case.ts";
import { count, draw, type FloatInput, floats, Inputs } from "./inputs.ts";
import { accuracyOf, type Checked, type Point, projectedError } from "./projected.ts";

/** A case as two graphs: outputs `y0`, `y1`, .. of the inputs; gradients of <u, y> of the inputs and `u0`, .. */
interface CaseGraphs {
  readonly forward: Graph;
  readonly gradient: Graph;
  readonly inputs: Inputs;
}

function buildCase(opType: string, gradientCase: GradientCase): CaseGraphs {
  const builder = new GraphBuilder(opType);
  const inputs = new Inputs(builder, gradientCase.dtype ?? "float64");
  const result = gradientCase.build(inputs);
  const values: readonly Value[] = Array.isArray(result) ? result : [result];
  const outputs = values.map((value, i) => builder.output(value, `y${i}`));
  const forward = builder.build();
  assert.ok(forward.nodes.some((node) => node.opType === opType), printGraph(forward));

  const withLoss = GraphBuilder.from(forward, { outputs: false });
  const products = outputs.map(({ name }, i) => {
    const y = withLoss.value(name);
    const u = withLoss.input(`u${i}`, inputs.dtype, y.shape);
    return reduceSum(mul(cast(y, inputs.dtype), u), undefined, false);
  });
  withLoss.output(products.reduce((a, b) => add(a, b)), "loss");
  const wrt = inputs.floats.filter((input) => input.wanted).map(({ name }) => name);
  const gradient = buildGradientGraph(withLoss.build(), { loss: "loss", wrt });
  for (const name of wrt) {
    assert.deepEqual(gradient.types.get(`${name}_grad`), gradient.types.get(name), name);
  }
  return { forward, gradient, inputs };
}

/**
 * Compares an operator's rule with differences for one case and several seeds.
 *
 * @throws AssertionError that names the seed to repeat it with
 */
export async function checkCase(
  opType: string,
  gradientCase: GradientCase,
  seeds: readonly number[],
  worker: SessionWorker,
): Promise<void> {
  const { forward, gradient, inputs } = buildCase(opType, gradientCase);
  const open = (graph: Graph) =>
    createSession({ bytes: encodeModel(graph) }, {
      name: `${opType}: ${gradientCase.name}`,
      intraOpThreads: 1,
      graphOptimizationLevel: "disabled",
    }, worker);
  await using forwardSession = await open(forward);
  await using gradientSession = await open(gradient);
  const accuracy = accuracyOf[gradientCase.rounded ? "float32" : inputs.dtype];
  for (const seed of seeds) {
    const normal = (label: string, n: number) =>
      Float64Array.from(normals(randomKey(seed, opType, gradientCase.name, label), 0, n));
    const point = new Map(inputs.floats.map(({ name, dims, domain }, i) => {
      const key = randomKey(seed, opType, gradientCase.name, name);
      return [name, draw(key, count(dims), domain, i % 4)];
    }));
    const v: Point = new Map(
      inputs.floats.filter(({ wanted }) => wanted).map((
        { name, dims },
      ) => [name, normal(`${name}.v`, count(dims)).map((value) => (value < 0 ? -1 : 1))]),
    );
    const checked = new SessionFunction(forwardSession, gradientSession, inputs);
    const u = normal("u", (await checked.forward(point)).length);
    const error = await projectedError(checked, point, u, v, accuracy);
    assert.ok(
      error <= 1,
      `the gradient of ${opType} is ${
        error.toPrecision(3)
      } times as far from the differences as is tolerated, with seed ${seed}: repeat it with DECORUM_SEED=${seed}`,
    );
  }
}

/** The outputs of a session as one vector, and the gradients that another computes. */
class SessionFunction implements Checked {
  /** Shapes of the outputs at the point last asked for: what a cotangent is cut into. */
  #dims: (readonly number[])[] = [];

  constructor(
    readonly forwardSession: InferenceSession,
    readonly gradientSession: InferenceSession,
    readonly inputs: Inputs,
  ) {}

  async forward(point: Point): Promise<Float64Array> {
    const results = await this.forwardSession.run(this.#feeds(point));
    const tensors = this.forwardSession.outputNames.map((name) => required(results, name));
    this.#dims = tensors.map(({ dims }) => dims);
    return Float64Array.from(tensors.flatMap(({ data }) => Array.from(data, Number)));
  }

  async gradient(point: Point, u: Float64Array): Promise<Point> {
    const feeds = this.#feeds(point);
    let start = 0;
    for (const [i, dims] of this.#dims.entries()) {
      const end = start + count(dims);
      feeds[`u${i}`] = floats(this.inputs.dtype, dims, u.subarray(start, end));
      start = end;
    }
    const wanted = this.inputs.floats.filter((input) => input.wanted);
    const results = await this.gradientSession.run(feeds, wanted.map(({ name }) => `${name}_grad`));
    return new Map(wanted.map((input) => [input.name, gradientOf(results, input)]));
  }

  #feeds(point: Point): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = { ...this.inputs.data };
    for (const { name, dims } of this.inputs.floats) {
      feeds[name] = floats(this.inputs.dtype, dims, point.get(name) ?? []);
    }
    return feeds;
  }
}

function gradientOf(results: Record<string, Tensor>, { name, dims }: FloatInput): Float64Array {
  const gradient = required(results, `${name}_grad`);
  assert.deepEqual(gradient.dims, dims, `shape of ${name}_grad`);
  return Float64Array.from(gradient.data, Number);
}

function required(results: Record<string, Tensor>, name: string): Tensor {
  const result = results[name];
  assert.ok(result, `the session gave no "${name}"`);
  return result;
}

/** Seeds of the checks: 1, 2 and 3, or the one in the environment variable DECORUM_SEED. */
export function seedsFrom(environment: Readonly<Record<string, string | undefined>>): number[] {
  const given = environment["DECORUM_SEED"];
  if (given === undefined || given === "") return [1, 2, 3];
  const seed = Number(given);
  if (!Number.isSafeInteger(seed)) {
    throw new InputError(`Cannot use DECORUM_SEED=${given}: expected an integer`);
  }
  return [seed];
}
