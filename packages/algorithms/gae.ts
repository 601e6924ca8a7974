import { InputError, tensor } from "@decorum/tensor";
import { tokenShape, type TokenTensor } from "./masks.ts";

/** Advantages and returns of every token, `[batch, time]`. */
export interface Gae {
  readonly advantages: TokenTensor;
  /** Targets of the value head: advantages + values. */
  readonly returns: TokenTensor;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016), backwards from the last token:
 * `delta = r[t] + gamma V[t+1] - V[t]`, `A[t] = delta + gamma lam A[t+1]`, `returns = A + V`.
 * Rewards and values count as 0 outside the mask, V as 0 beyond the end.
 *
 * @param inputs `rewards`, `values`, `mask` `[batch, time]`
 * @throws InputError when shapes differ
 * @throws InputError when `gamma` or `lam` is not in [0, 1]
 */
export function gae(
  { rewards, values, mask, gamma, lam }: {
    readonly rewards: TokenTensor;
    readonly values: TokenTensor;
    readonly mask: TokenTensor;
    readonly gamma: number;
    readonly lam: number;
  },
): Gae {
  const { batch, time } = tokenShape({ mask, rewards, values });
  for (const [field, x] of Object.entries({ gamma, lam })) {
    if (!(x >= 0 && x <= 1)) throw new InputError(`${field} is ${x}: expected a number in [0, 1]`);
  }
  const advantages = new Float32Array(batch * time);
  const returns = new Float32Array(batch * time);
  for (let row = 0; row < batch; row++) {
    let nextAdvantage = 0;
    let nextValue = 0;
    for (let i = (row + 1) * time - 1; i >= row * time; i--) {
      const inMask = mask.data[i] === 1;
      const value = inMask ? values.data[i]! : 0;
      const reward = inMask ? rewards.data[i]! : 0;
      nextAdvantage = reward + gamma * nextValue - value + gamma * lam * nextAdvantage;
      nextValue = value;
      advantages[i] = nextAdvantage;
      returns[i] = nextAdvantage + value;
    }
  }
  const like = (data: Float32Array<ArrayBuffer>) => tensor("float32", [batch, time], data);
  return { advantages: like(advantages), returns: like(returns) };
}
