import {
  cast,
  concat,
  gather,
  greater,
  logSoftmax,
  matmul,
  mul,
  neg,
  reduceMean,
  squeeze,
  sub,
  unsqueeze,
  type Value,
} from "@decorum/onnx";
import { type Tensor, zeros } from "@decorum/tensor";

/** Log-probabilities of whole responses, the sums over their tokens in nats: `[pairs]` each. */
interface PairLogps {
  readonly chosen: Value;
  readonly rejected: Value;
}

/**
 * `-log sigmoid(chosen - rejected)` of each pair (Bradley and Terry), as the cross entropy of the two against the first:
 * it neither overflows nor rounds to log 0.
 *
 * @param chosen `[pairs]` @param rejected `[pairs]` @returns `[pairs]`
 */
export function preferenceLoss(chosen: Value, rejected: Value): Value {
  const both = concat([chosen, rejected].map((x) => unsqueeze(x, [1])), 1);
  return neg(gather(logSoftmax(both, -1), chosen.graph.scalar(0, "int64"), 1));
}

/**
 * DPO's loss (Rafailov et al. 2023, formula 7; TRL's `loss_type` "sigmoid"): the mean over pairs of the preference loss
 * of the implicit rewards, `beta (logp - logp_ref)`.
 *
 * @returns scalars: `loss`, and `statistics` under TRL's names, means over pairs
 */
export function dpoLoss(
  policy: PairLogps,
  reference: PairLogps,
  beta: number,
): { readonly loss: Value; readonly statistics: Readonly<Record<string, Value>> } {
  const mean = (x: Value) => reduceMean(x, [0], false);
  const chosen = mul(sub(policy.chosen, reference.chosen), beta);
  const rejected = mul(sub(policy.rejected, reference.rejected), beta);
  return {
    loss: mean(preferenceLoss(chosen, rejected)),
    statistics: {
      "rewards/chosen": mean(chosen),
      "rewards/rejected": mean(rejected),
      "rewards/accuracies": mean(cast(greater(chosen, rejected), "float32")),
      "rewards/margins": mean(sub(chosen, rejected)),
      "logps/chosen": mean(policy.chosen),
      "logps/rejected": mean(policy.rejected),
    },
  };
}

/**
 * Sums over the tokens of each sequence.
 *
 * @param values `[tokens]` @param membership `[sequences, tokens]`: {@link membershipOf} @returns `[sequences]`
 */
export function sumPerSequence(values: Value, membership: Value): Value {
  return squeeze(matmul(membership, unsqueeze(values, [1])), [1]);
}

/**
 * 1 where a token is of a sequence.
 *
 * @param lengths counted tokens of each sequence of the batch
 * @param rows sequences that are asked for; all of them by default
 * @returns `[rows, tokens]`
 */
export function membershipOf(
  lengths: readonly number[],
  rows: readonly number[] = lengths.map((_, i) => i),
): Tensor<"float32"> {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  const tokens = offsets.at(-1)!;
  const membership = zeros("float32", [rows.length, tokens]);
  rows.forEach((sequence, row) => {
    const [start, end] = [offsets[sequence]!, offsets[sequence + 1]!];
    membership.data.fill(1, row * tokens + start, row * tokens + end);
  });
  return membership;
}
