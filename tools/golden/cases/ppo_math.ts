import { offsetsOf, ppo, type RolledBatch, type SampledKlKind, tokenKl } from "@decorum/algorithms";
import { float32, type Tensor } from "@decorum/tensor";
import { constantOf, type GoldenCase, inputOf } from "../case.ts";

const kinds: readonly SampledKlKind[] = ["kl", "abs", "mse", "k3"];

/** Rewards of every KL kind; advantages, returns and objective/kl of the kind `kl`. Padding is 0. */
export function ppoMath(golden: GoldenCase): Map<string, Tensor> {
  const of = (name: string) => inputOf(golden, name, "float32");
  const { data: mask, dims: [batch = 0, time = 0] } = of("mask");
  const counted = [...mask.keys()].filter((i) => mask[i] === 1);
  const flat = (name: string) => Float32Array.from(counted, (i) => of(name).data[i]!);
  const dense = (values: ArrayLike<number>) => {
    const all = new Float32Array(batch * time);
    counted.forEach((i, at) => (all[i] = values[at]!));
    return float32([batch, time], all);
  };
  const [logprobs, refLogprobs] = [flat("logprobs"), flat("ref_logprobs")];
  const lengths = Array.from(
    { length: batch },
    (_, row) => counted.filter((i) => Math.floor(i / time) === row).length,
  );
  const rolled = (kind: SampledKlKind): RolledBatch => ({
    sequences: lengths.map((length) => ({ query: [0], response: Array<number>(length).fill(0) })),
    offsets: offsetsOf(lengths),
    scores: [...of("scores").data],
    hasEos: lengths.map(() => true),
    ...{ logprobs, refLogprobs, values: flat("values") },
    kl: tokenKl(kind, logprobs, refLogprobs),
    klCoef: constantOf(golden, "kl_coef", 0.2),
  });
  const algorithm = ppo.open({
    gamma: constantOf(golden, "gamma", 0.99),
    lam: constantOf(golden, "lam", 0.95),
  });
  const found = new Map<string, Tensor>();
  for (const kind of kinds) found.set(`rewards.${kind}`, dense(algorithm.rewards(rolled(kind))));
  const one = rolled("kl");
  const samples = algorithm.samples(one, algorithm.rewards(one));
  const kl = one.kl.reduce((sum, nats) => sum + nats, 0) / batch;
  return found
    .set("advantages", dense(samples.flatMap((s) => [...s.advantages])))
    .set("returns", dense(samples.flatMap((s) => [...s.returns])))
    .set("objective_kl", float32([1], [kl]));
}
