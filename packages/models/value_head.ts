import { cast, gemm, type GraphBuilder, squeeze, type Value } from "@decorum/onnx";
import { InputError, type Tensor, zeros } from "@decorum/tensor";
import { parameter } from "./weights.ts";

/** TRL's names of the value head's parameters (`AutoModelForSeq2SeqLMWithValueHead`). */
export const VALUE_HEAD_WEIGHT = "v_head.summary.weight";
export const VALUE_HEAD_BIAS = "v_head.summary.bias";

/** Shapes of the value head's parameters by name. */
export function valueHeadShapes(width: number): Map<string, readonly number[]> {
  return new Map([[VALUE_HEAD_WEIGHT, [1, width]], [VALUE_HEAD_BIAS, [1]]]);
}

/**
 * Checks that tensors are a value head's parameters, of whatever width.
 *
 * @param source names the file in messages
 * @throws InputError naming the tensor
 */
export function checkValueHead(
  tensors: ReadonlyMap<string, { readonly dims: readonly number[] }>,
  source: string,
): void {
  const width = tensors.get(VALUE_HEAD_WEIGHT)?.dims[1] ?? 0;
  const shapes = valueHeadShapes(width);
  for (const [name, dims] of shapes) {
    const found = tensors.get(name)?.dims;
    if (width > 0 && `${found}` === `${dims}`) continue;
    throw new InputError(
      `Cannot use value head ${source}: tensor "${name}" is ${
        found ? `[${found.join(", ")}]` : "missing"
      }; expected ${name === VALUE_HEAD_WEIGHT ? "[1, d_model]" : "[1]"}`,
    );
  }
  const foreign = [...tensors.keys()].find((name) => !shapes.has(name));
  if (foreign === undefined) return;
  throw new InputError(
    `Cannot use value head ${source}: tensor "${foreign}" is none of ${
      [...shapes.keys()].join(", ")
    }`,
  );
}

/** A value head that predicts 0 for every token. */
export function initValueHead(width: number): Map<string, Tensor<"float32">> {
  return new Map(
    [...valueHeadShapes(width)].map(([name, dims]) => [name, zeros("float32", dims)]),
  );
}

/**
 * Predicted return of every row; the parameters are inputs of the graph.
 *
 * @param hidden `[rows, width]`: last hidden state of the decoder
 * @returns `[rows]` float32
 */
export function valueHead(graph: GraphBuilder, hidden: Value, width: number): Value {
  const w = parameter(graph, VALUE_HEAD_WEIGHT, [1, width]);
  const b = parameter(graph, VALUE_HEAD_BIAS, [1]);
  return graph.scope(
    "v_head",
    () => squeeze(gemm(cast(hidden, "float32"), w, b, { transB: true }), [1]),
  );
}
