import { InputError } from "@decorum/tensor";
import { checkTokens } from "./tokens.ts";

/** Estimates of the KL divergence from one sampled token. */
export type SampledKlKind = "kl" | "abs" | "mse" | "k3";

/** How the KL divergence of policy and reference is taken per token; "full" sums over the vocabulary: see `FullKl`. */
export type KlKind = SampledKlKind | "full";

/** KL of one token from `d = logprob - refLogprob`, in nats. k3 is Schulman's "Approximating KL Divergence". */
const estimate: Readonly<Record<SampledKlKind, (d: number) => number>> = {
  kl: (d) => d,
  abs: (d) => Math.abs(d),
  mse: (d) => 0.5 * d * d,
  // exp(-d) + d - 1 >= 0; expm1 keeps the digits that cancel near d = 0, max the sign.
  k3: (d) => Math.max(0, Math.expm1(-d) + d),
};

/**
 * KL of every token, in nats.
 *
 * @param logprobs `[tokens]` @param refLogprobs `[tokens]` @returns `[tokens]`
 * @throws InputError when their lengths differ
 */
export function tokenKl(
  kind: SampledKlKind,
  logprobs: Float32Array,
  refLogprobs: Float32Array,
): Float32Array {
  checkTokens({ refLogprobs }, logprobs.length);
  const kl = estimate[kind];
  return logprobs.map((logprob, i) => kl(logprob - refLogprobs[i]!));
}

/** A KL coefficient that stays as it is. */
export interface FixedKlController {
  readonly kind: "fixed";
  /** The KL coefficient now. */
  readonly value: number;
}

/** A KL coefficient steered towards a target. */
export interface AdaptiveKlController {
  readonly kind: "adaptive";
  /** The KL coefficient now. */
  readonly value: number;
  /** KL per sequence aimed at, in nats. */
  readonly target: number;
  /** Sequences over which the coefficient can change by a fifth. */
  readonly horizon: number;
}

/** State of a KL controller; plain JSON, so it is saved as it is. */
export type KlController = FixedKlController | AdaptiveKlController;

/**
 * A controller, checked.
 *
 * @throws InputError when a field is out of range
 */
export function klController<C extends KlController>(controller: C): C {
  const { value } = controller;
  demand("value", value, value >= 0, "a number of at least 0");
  if (controller.kind === "adaptive") {
    demand("target", controller.target, controller.target > 0, "a number above 0");
    demand("horizon", controller.horizon, controller.horizon > 0, "a number above 0");
  }
  return controller;
}

/**
 * The controller after a step (Ziegler et al. 2019, section 2.2): adaptive
 * `e = clip(kl / target - 1, -0.2, 0.2); value *= 1 + e n / horizon`; fixed stays as it is.
 *
 * @param kl `objective/kl` of the step, in nats per sequence
 * @param n sequences in the step
 * @throws InputError when `kl` is not finite
 */
export function updateKlController(controller: KlController, kl: number, n: number): KlController {
  if (!Number.isFinite(kl)) {
    throw new InputError(
      `Cannot update the KL coefficient from a KL of ${kl}: expected a finite number`,
    );
  }
  if (controller.kind === "fixed") return controller;
  const { value, target, horizon } = controller;
  const error = Math.min(0.2, Math.max(-0.2, kl / target - 1));
  return { ...controller, value: value * (1 + error * n / horizon) };
}

function demand(field: string, found: number, ok: boolean, expected: string): void {
  if (!ok || !Number.isFinite(found)) {
    throw new InputError(`KL controller field ${field} is ${found}: expected ${expected}`);
  }
}

/** The controller that settings ask for, with its first coefficient. */
export function klControllerOf(
  settings: {
    readonly adap_kl_ctrl: boolean;
    readonly target: number;
    readonly horizon: number;
  },
  value: number,
): KlController {
  const { adap_kl_ctrl, target, horizon } = settings;
  return klController(
    adap_kl_ctrl ? { kind: "adaptive", value, target, horizon } : { kind: "fixed", value },
  );
}
