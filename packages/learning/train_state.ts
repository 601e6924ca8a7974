import { adamStateFromTensors, adamStateToTensors, type Params } from "@decorum/optim";
import { InputError, int64, type Tensor } from "@decorum/tensor";
import type { TrainState } from "./optimizer.ts";

const PARAMETER = "param.";
const ADAM = "adam.";

/**
 * A state as tensors for one safetensors file: `param.<name>`, `adam.<name>.{step,exp_avg,exp_avg_sq}`,
 * and the scalars `updates` and `skipped`. Arrays are shared, not copied.
 */
export function trainStateToTensors(state: TrainState): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>([
    ["updates", int64([], [state.updates])],
    ["skipped", int64([], [state.skipped])],
  ]);
  for (const [name, value] of state.params) tensors.set(PARAMETER + name, value);
  for (const [name, value] of adamStateToTensors(state.adam)) tensors.set(ADAM + name, value);
  return tensors;
}

/**
 * The state that {@link trainStateToTensors} made these tensors of, bit for bit.
 *
 * @param like parameters of the run that resumes: names and shapes must be the same
 * @throws InputError when a tensor is missing, unknown, or of another type or shape
 */
export function trainStateFromTensors(
  tensors: ReadonlyMap<string, Tensor>,
  like: Params,
): TrainState {
  const params = new Map<string, Tensor<"float32">>();
  const adam = new Map<string, Tensor>();
  for (const [name, value] of tensors) {
    if (name.startsWith(PARAMETER)) {
      params.set(name.slice(PARAMETER.length), value as Tensor<"float32">);
    } else if (name.startsWith(ADAM)) adam.set(name.slice(ADAM.length), value);
    else if (name !== "updates" && name !== "skipped") {
      throw new InputError(
        `Cannot restore a training state: tensor "${name}" has no meaning in it`,
      );
    }
  }
  checkParams(params, like, "training state");
  return {
    params: new Map([...like.keys()].map((name) => [name, params.get(name)!])),
    adam: adamStateFromTensors(params, adam),
    updates: count(tensors, "updates"),
    skipped: count(tensors, "skipped"),
  };
}

/**
 * Checks that `found` holds exactly the parameters of `like`, in float32 and of the same shapes.
 *
 * @throws InputError naming the first that differs
 */
export function checkParams(
  found: ReadonlyMap<string, Tensor>,
  like: Params,
  source: string,
): void {
  for (const [name, { dims }] of like) {
    const value = found.get(name);
    if (value?.dtype === "float32" && `${value.dims}` === `${dims}`) continue;
    const is = value ? `${value.dtype} [${value.dims}]` : "missing";
    throw new InputError(
      `Cannot use the ${source}: parameter "${name}" is ${is}; expected float32 [${dims}]`,
    );
  }
  const foreign = [...found.keys()].find((name) => !like.has(name));
  if (foreign === undefined) return;
  throw new InputError(
    `Cannot use the ${source}: "${foreign}" is none of the ${like.size} trained parameters; it was saved for another model or adapter`,
  );
}

function count(tensors: ReadonlyMap<string, Tensor>, name: string): number {
  const found = tensors.get(name);
  const value = found?.dtype === "int64" ? Number(found.data[0]) : NaN;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(
    `Cannot restore a training state: scalar "${name}" is ${
      found ? `${found.dtype} ${value}` : "missing"
    }; expected an int64 count`,
  );
}
