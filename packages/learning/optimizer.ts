import {
  adam,
  type AdamState,
  adamW,
  clipByGlobalNorm,
  findNonFinite,
  initAdam,
  NonFiniteGradientError,
  type Params,
  type Schedule,
} from "@decorum/optim";

/** How trained parameters are updated. */
export interface OptimizerOptions {
  /** Default `adam`, as PPO uses; `adamw` decouples the weight decay. */
  readonly algorithm?: "adam" | "adamw";
  /** Peak step size, before the schedule. */
  readonly learningRate: number;
  /** Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** Default 1e-5. */
  readonly eps?: number;
  /** Default 0. */
  readonly weightDecay?: number;
  /** Largest global norm of a gradient; default 1, `Infinity` only measures. */
  readonly maxGradNorm?: number;
  /** Factor on the learning rate by update, counted from 0; default constant. */
  readonly schedule?: Schedule;
}

/** Everything an update changes: complete, so that a run continues from it bit for bit. */
export interface TrainState {
  readonly params: Params;
  readonly adam: AdamState;
  /** Updates applied. */
  readonly updates: number;
  /** Updates skipped because the loss or a gradient was not finite. */
  readonly skipped: number;
}

/** What became of one update. */
export interface UpdateOutcome {
  readonly applied: boolean;
  /** Why it was skipped, in a sentence. */
  readonly reason?: string;
  /** Global norm before clipping; NaN where it could not be taken. */
  readonly gradNorm: number;
  /** Step size after the schedule. */
  readonly learningRate: number;
}

export function initTrainState(params: Params): TrainState {
  return { params, adam: initAdam(params), updates: 0, skipped: 0 };
}

/**
 * One update of the parameters that have a gradient. A loss, a gradient or a result that is not finite
 * changes nothing: the update is skipped, counted, and the outcome says why.
 *
 * @param grads of the mean loss of one mini-batch, by parameter
 * @param scheduleAt what the schedule is asked for; by default the updates so far
 */
export function applyUpdate(
  state: TrainState,
  grads: Params,
  loss: number,
  options: OptimizerOptions,
  scheduleAt: number = state.updates,
): { readonly state: TrainState; readonly outcome: UpdateOutcome } {
  const { algorithm = "adam", maxGradNorm = 1, schedule = () => 1 } = options;
  const learningRate = options.learningRate * schedule(scheduleAt);
  const skip = (reason: string, gradNorm: number) => ({
    state: { ...state, skipped: state.skipped + 1 },
    outcome: { applied: false, reason, gradNorm, learningRate },
  });
  if (!Number.isFinite(loss)) return skip(`The loss is ${loss}: expected a finite number`, NaN);
  try {
    const { grads: clipped, norm } = clipByGlobalNorm(grads, maxGradNorm);
    const update = algorithm === "adamw" ? adamW : adam;
    const next = update(state.params, state.adam, clipped, {
      learningRate,
      betas: options.betas ?? [0.9, 0.999],
      eps: options.eps ?? 1e-5,
      weightDecay: options.weightDecay ?? 0,
    });
    const bad = findNonFinite(next.params);
    if (bad) return skip(`The update makes "${bad.name}" ${bad.value}`, norm);
    return {
      state: {
        params: next.params,
        adam: next.state,
        updates: state.updates + 1,
        skipped: state.skipped,
      },
      outcome: { applied: true, gradNorm: norm, learningRate },
    };
  } catch (error) {
    if (error instanceof NonFiniteGradientError) return skip(error.message, NaN);
    throw error;
  }
}
