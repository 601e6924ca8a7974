import { adamStateFromTensors, adamStateToTensors, type Params } from "@decorum/optim";
import { InputError, int64, type Tensor } from "@decorum/tensor";
import type { TrainState } from "./optimizer.ts";

/** What a session needs in order to continue bit for bit. */
export interface LearnerState {
  /** Adapter (with value head) or weights, Adam's moments, counters. */
  readonly train: TrainState;
  /** What the frozen reference has in their place; undefined where it is the base without adapter. */
  readonly reference: Params | undefined;
}

const PARAMETER = "param.";
const ADAM = "adam.";
const REFERENCE = "reference.";

/**
 * A state as tensors for one safetensors file: `param.<name>`, `adam.<name>.{step,exp_avg,exp_avg_sq}`,
 * `reference.<name>`, and the scalars `updates` and `skipped`. Arrays are shared, not copied.
 */
export function stateToTensors({ train, reference }: LearnerState): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>([
    ["updates", int64([], [train.updates])],
    ["skipped", int64([], [train.skipped])],
  ]);
  for (const [name, value] of train.params) tensors.set(PARAMETER + name, value);
  for (const [name, value] of adamStateToTensors(train.adam)) tensors.set(ADAM + name, value);
  for (const [name, value] of reference ?? []) tensors.set(REFERENCE + name, value);
  return tensors;
}

/**
 * The state that {@link stateToTensors} made these tensors of, bit for bit.
 *
 * @param like parameters of the session that continues: names and shapes must be the same
 * @throws InputError when a tensor is missing, unknown, or of another type or shape
 */
export function stateFromTensors(
  tensors: ReadonlyMap<string, Tensor>,
  like: Params,
): LearnerState {
  const parts = Map.groupBy(
    tensors,
    ([name]) => [PARAMETER, ADAM, REFERENCE].find((part) => name.startsWith(part)) ?? "",
  );
  const part = (prefix: string) =>
    new Map(parts.get(prefix)?.map(([name, value]) => [name.slice(prefix.length), value]));
  for (const name of part("").keys()) {
    if (name === "updates" || name === "skipped") continue;
    throw new InputError(
      `Cannot restore a training state: tensor "${name}" has no meaning in it`,
    );
  }
  const params = inOrderOf(like, part(PARAMETER), "training state");
  const reference = parts.has(REFERENCE)
    ? inOrderOf(withoutValueHead(like), part(REFERENCE), "reference of the state")
    : undefined;
  return {
    train: {
      params,
      adam: adamStateFromTensors(params, part(ADAM)),
      updates: count(tensors, "updates"),
      skipped: count(tensors, "skipped"),
    },
    reference,
  };
}

/** Those parameters that are the model's own. */
export function withoutValueHead(params: Params): Params {
  return new Map([...params].filter(([name]) => !name.startsWith("v_head.")));
}

/** `found` in the order of `like`. @throws InputError as {@link checkParams} */
export function inOrderOf(
  like: Params,
  found: ReadonlyMap<string, Tensor>,
  source: string,
): Params {
  checkParams(found, like, source);
  return new Map([...like.keys()].map((name) => [name, found.get(name) as Tensor<"float32">]));
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
