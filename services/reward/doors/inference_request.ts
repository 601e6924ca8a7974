import { InputError } from "@decorum/tensor";
import type { inference } from "@decorum/rpc";
import type { TextItem } from "@decorum/scoring";
import { readTexts } from "./inference_tensors.ts";

/** Outputs of a classifier, in the order in which they come unless the request names some. */
export const outputNames = ["score", "logits", "label"] as const;
export type OutputName = typeof outputNames[number];

/** An inference request as domain values. */
export interface InferRequest {
  readonly items: readonly TextItem[];
  /** Shape of the input `text`: `[N]` or `[N, 1]`. */
  readonly shape: readonly number[];
  readonly outputs: readonly OutputName[];
  /** Whether its contents are raw, as the answer's then are. */
  readonly raw: boolean;
  /** Request parameter `label`; empty: the default. */
  readonly label: string;
  /** Request parameter `truncate`. */
  readonly truncate: boolean;
  /** Milliseconds of the request parameter `timeout`, which is in microseconds; Infinity without one. */
  readonly timeoutMs: number;
}

/**
 * Checks a request for a classifier and reads its texts: input `text`, and optionally `prompt`, of the same shape.
 *
 * @throws InputError, in Triton's words where it has some
 */
export function readInferRequest(request: inference.ModelInferRequest__Output): InferRequest {
  const { modelName: model, inputs, rawInputContents, parameters } = request;
  const raw = rawInputContents.length > 0;
  if (raw && rawInputContents.length !== inputs.length) {
    throw new InputError(
      `expected tensor data for ${inputs.length} inputs in raw_input_contents for model '${model}', ` +
        `got ${rawInputContents.length}`,
    );
  }
  const texts = new Map<string, { values: string[]; shape: readonly number[] }>();
  inputs.forEach((tensor, i) => {
    const { name, shape } = tensor;
    if (name !== "text" && name !== "prompt") {
      throw new InputError(
        `unexpected inference input '${name}' for model '${model}': expected 'text', and optionally 'prompt'`,
      );
    }
    if (texts.has(name)) throw new InputError(`input '${name}' for model '${model}' came twice`);
    checkShared(tensor.parameters, `input '${name}'`);
    texts.set(name, { values: readTexts(tensor, rawInputContents[i], model), shape });
  });
  const text = texts.get("text");
  const prompt = texts.get("prompt");
  if (text === undefined) {
    throw new InputError(`expected input 'text' for model '${model}', got ${inputs.length} inputs`);
  }
  if (prompt && prompt.shape.join() !== text.shape.join()) {
    throw new InputError(
      `unexpected shape for input 'prompt' for model '${model}'. Expected that of 'text', ` +
        `[${text.shape.join(",")}], got [${prompt.shape.join(",")}]`,
    );
  }
  return {
    items: text.values.map((response, i) =>
      prompt ? { query: prompt.values[i]!, response } : { response }
    ),
    shape: text.shape,
    outputs: readOutputs(request),
    raw,
    label: parameter(parameters, "label", "stringParam") ?? "",
    truncate: parameter(parameters, "truncate", "boolParam") ?? false,
    timeoutMs: timeout(parameters),
  };
}

type Parameters = Readonly<Record<string, inference.InferParameter__Output>>;

function readOutputs({ outputs, modelName }: inference.ModelInferRequest__Output): OutputName[] {
  if (outputs.length === 0) return [...outputNames];
  return outputs.map(({ name, parameters }) => {
    const known = outputNames.find((output) => output === name);
    if (known === undefined) {
      throw new InputError(
        `unexpected inference output '${name}' for model '${modelName}': expected ${
          outputNames.map((output) => `'${output}'`).join(", ")
        }`,
      );
    }
    checkShared(parameters, `output '${name}'`);
    if (Number(parameters["classification"]?.int64Param ?? 0) !== 0) {
      throw new InputError(
        `output '${name}' for model '${modelName}': the classification extension is not offered; ask for 'label'`,
      );
    }
    return known;
  });
}

function checkShared(parameters: Parameters, place: string): void {
  if (!Object.hasOwn(parameters, "shared_memory_region")) return;
  throw new InputError(`${place}: shared memory is not offered; send the contents`);
}

function parameter<K extends "stringParam" | "boolParam" | "int64Param">(
  parameters: Parameters,
  name: string,
  kind: K,
): inference.InferParameter__Output[K] | undefined {
  const given = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  if (given === undefined || given[kind] !== undefined) return given?.[kind];
  throw new InputError(
    `request parameter '${name}' is a ${given.parameterChoice ?? "parameter without a value"}, ` +
      `expected a ${kind}`,
  );
}

function timeout(parameters: Parameters): number {
  const microseconds = parameter(parameters, "timeout", "int64Param") ?? 0;
  return microseconds > 0 ? microseconds / 1000 : Infinity;
}
