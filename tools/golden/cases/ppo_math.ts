import {
  computeAdvantages,
  meanOfSums,
  type SampledKlKind,
  tokenKl,
  tokenRewards,
} from "@decorum/algorithms";
import { float32, type Tensor } from "@decorum/tensor";
import { constantOf, type GoldenCase, inputOf } from "../case.ts";

const kinds: readonly SampledKlKind[] = ["kl", "abs", "mse", "k3"];

/** Rewards of every KL kind; advantages, returns and objective/kl of the kind `kl`. */
export function ppoMath(golden: GoldenCase): Map<string, Tensor> {
  const of = (name: string) => inputOf(golden, name, "float32");
  const [logprobs, refLogprobs, mask] = [of("logprobs"), of("ref_logprobs"), of("mask")];
  const klCoef = constantOf(golden, "kl_coef", 0.2);
  const found = new Map<string, Tensor>();
  const rewardsOf = (kind: SampledKlKind) => {
    const kl = tokenKl({ kind, logprobs, refLogprobs, mask });
    return { kl, ...tokenRewards({ kl, scores: of("scores"), mask, klCoef }) };
  };
  for (const kind of kinds) found.set(`rewards.${kind}`, rewardsOf(kind).rewards);
  const { kl, rewards } = rewardsOf("kl");
  const { advantages, returns } = computeAdvantages({
    rewards,
    values: of("values"),
    mask,
    gamma: constantOf(golden, "gamma", 0.99),
    lam: constantOf(golden, "lam", 0.95),
  });
  return found.set("advantages", advantages).set("returns", returns)
    .set("objective_kl", float32([1], [meanOfSums(kl, mask)]));
}
