import { InputError, int64, type Tensor, tensor, zeros } from "@decorum/tensor";
import { type Params, tensorLike } from "./gradients.ts";

/** What Adam remembers of one parameter; shapes are the parameter's. */
interface AdamMoments {
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

/** Settings of one update. */
export interface AdamOptions {
  /** Step size of this update, after the schedule. */
  readonly learningRate: number;
  /** Decay of the running means; default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator; default 1e-5, as PPO implementations use (PyTorch's own is 1e-8). */
  readonly eps?: number;
  /** Default 0. Adam adds it to the gradient (L2); AdamW shrinks the parameter by it (decoupled). */
  readonly weightDecay?: number;
}

/** Parameters and state after an update. */
interface AdamResult {
  readonly params: Params;
  readonly state: AdamState;
}

/**
 * One update of Adam (Kingma and Ba 2015), as `torch.optim.Adam`.
 *
 * Inputs are not changed. A parameter without a gradient keeps its value and its state, as in PyTorch.
 * Arithmetic is in double, parameters and moments are stored in float32. Gradients must be finite:
 * `clipByGlobalNorm` or `findNonFinite` says so first.
 *
 * @throws InputError when a gradient or a moment has no parameter or not its shape
 * @throws InputError when an option is out of range
 */
export function adam(
  params: Params,
  state: AdamState,
  grads: Params,
  options: AdamOptions,
): AdamResult {
  return update(params, state, grads, options, "l2");
}

/**
 * One update of AdamW (Loshchilov and Hutter 2019), as `torch.optim.AdamW`; otherwise as {@link adam}.
 * PyTorch's default weight decay is 0.01, here it is 0.
 */
export function adamW(
  params: Params,
  state: AdamState,
  grads: Params,
  options: AdamOptions,
): AdamResult {
  return update(params, state, grads, options, "decoupled");
}

type Decay = "l2" | "decoupled";

function update(
  params: Params,
  state: AdamState,
  grads: Params,
  options: AdamOptions,
  decay: Decay,
): AdamResult {
  checkOptions(options);
  for (const name of grads.keys()) {
    if (!params.has(name)) {
      throw new InputError(
        `Gradient "${name}" belongs to none of the ${params.size} trained parameters`,
      );
    }
  }
  const newParams = new Map(params);
  const newState = new Map(state);
  for (const [name, param] of params) {
    if (!grads.has(name)) continue;
    const grad = tensorLike("gradient", grads, name, param.dims);
    const moments = momentsOf(state, name, param.dims);
    const next = updateOne(param, moments, grad, options, decay);
    newParams.set(name, next.param);
    newState.set(name, next.moments);
  }
  return { params: newParams, state: newState };
}

function updateOne(
  param: Tensor<"float32">,
  moments: AdamMoments,
  grad: Tensor<"float32">,
  { learningRate, betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-5, weightDecay = 0 }: AdamOptions,
  decay: Decay,
): { param: Tensor<"float32">; moments: AdamMoments } {
  const n = param.data.length;
  const step = moments.step + 1;
  const stepSize = learningRate / (1 - beta1 ** step);
  const correction2 = Math.sqrt(1 - beta2 ** step);
  const shrink = decay === "decoupled" ? 1 - learningRate * weightDecay : 1;
  const l2 = decay === "l2" ? weightDecay : 0;
  const p = new Float32Array(n), m = new Float32Array(n), v = new Float32Array(n);
  const p0 = param.data, g0 = grad.data, m0 = moments.expAvg.data, v0 = moments.expAvgSq.data;
  for (let i = 0; i < n; i++) {
    const g = g0[i]! + l2 * p0[i]!;
    const mi = m0[i]! + (1 - beta1) * (g - m0[i]!);
    const vi = beta2 * v0[i]! + (1 - beta2) * g * g;
    m[i] = mi;
    v[i] = vi;
    // eps is added after the bias correction of the second moment, as PyTorch does.
    p[i] = shrink * p0[i]! - stepSize * mi / (Math.sqrt(vi) / correction2 + eps);
  }
  const like = (data: Float32Array<ArrayBuffer>) => tensor("float32", param.dims, data);
  return { param: like(p), moments: { step, expAvg: like(m), expAvgSq: like(v) } };
}

function momentsOf(state: AdamState, name: string, dims: readonly number[]): AdamMoments {
  const moments = state.get(name);
  if (moments === undefined) {
    return { step: 0, expAvg: zeros("float32", dims), expAvgSq: zeros("float32", dims) };
  }
  for (const key of ["expAvg", "expAvgSq"] as const) {
    tensorLike(`Adam state ${key}`, new Map([[name, moments[key]]]), name, dims);
  }
  return moments;
}

function checkOptions(
  { learningRate, betas = [0.9, 0.999], eps = 1e-5, weightDecay = 0 }: AdamOptions,
) {
  const refuse = (field: string, found: unknown, expected: string) => {
    throw new InputError(`Adam option ${field} is ${found}: expected ${expected}`);
  };
  const atLeast0 = (x: number) => x >= 0 && Number.isFinite(x);
  if (!atLeast0(learningRate)) refuse("learningRate", learningRate, "a number of at least 0");
  if (!atLeast0(eps)) refuse("eps", eps, "a number of at least 0");
  if (!atLeast0(weightDecay)) refuse("weightDecay", weightDecay, "a number of at least 0");
  if (!betas.every((b) => b >= 0 && b < 1)) refuse("betas", `[${betas}]`, "two numbers in [0, 1)");
}
