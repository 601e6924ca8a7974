import { InputError, int64, type Tensor, zeros } from "@decorum/tensor";
import { type Params, tensorLike } from "./params.ts";

/** What Adam remembers of one parameter; shapes are the parameter's. */
export interface AdamMoments {
  /** Updates this parameter has had. */
  readonly step: number;
  /** Running mean of the gradient. */
  readonly expAvg: Tensor<"float32">;
  /** Running mean of the squared gradient. */
  readonly expAvgSq: Tensor<"float32">;
}

/** State of Adam and AdamW by parameter name; a parameter without an entry has had no update. */
export type AdamState = ReadonlyMap<string, AdamMoments>;

/** The state before the first update. */
export function initAdam(params: Params): AdamState {
  return new Map(
    Array.from(params, ([name, { dims }]) => [
      name,
      { step: 0, expAvg: zeros("float32", dims), expAvgSq: zeros("float32", dims) },
    ]),
  );
}

/**
 * The state as tensors to save: `<name>.step` (int64 scalar), `<name>.exp_avg` and `<name>.exp_avg_sq`,
 * the last words being PyTorch's own. Arrays are shared, not copied.
 */
export function adamStateToTensors(state: AdamState): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, { step, expAvg, expAvgSq }] of state) {
    tensors.set(`${name}.step`, int64([], [step]));
    tensors.set(`${name}.exp_avg`, expAvg);
    tensors.set(`${name}.exp_avg_sq`, expAvgSq);
  }
  return tensors;
}

/**
 * The state of `params` from the tensors {@link adamStateToTensors} made of it, bit for bit.
 *
 * @throws InputError when a tensor is missing, has the wrong type or shape, or belongs to no parameter
 * @throws InputError when a step is negative
 */
export function adamStateFromTensors(
  params: Params,
  tensors: ReadonlyMap<string, Tensor>,
): AdamState {
  const state = new Map<string, AdamMoments>();
  for (const [name, { dims }] of params) {
    const step = readStep(tensors, name);
    state.set(name, {
      step,
      expAvg: tensorLike("Adam state", tensors, `${name}.exp_avg`, dims),
      expAvgSq: tensorLike("Adam state", tensors, `${name}.exp_avg_sq`, dims),
    });
  }
  for (const key of tensors.keys()) {
    if (!state.has(key.replace(/\.(step|exp_avg|exp_avg_sq)$/, ""))) {
      throw new InputError(
        `Cannot restore the Adam state: tensor "${key}" belongs to none of the ${params.size} parameters; ` +
          "resume with the adapter the state was saved for",
      );
    }
  }
  return state;
}

function readStep(tensors: ReadonlyMap<string, Tensor>, name: string): number {
  const found = tensors.get(`${name}.step`);
  if (found === undefined || found.dtype !== "int64" || found.dims.length !== 0) {
    const is = found === undefined ? "missing" : `${found.dtype} [${found.dims}]`;
    throw new InputError(`Adam state "${name}.step" is ${is}: expected an int64 scalar`);
  }
  const step = Number((found as Tensor<"int64">).data[0]);
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new InputError(`Adam state "${name}.step" is ${step}: expected a count of updates`);
  }
  return step;
}
