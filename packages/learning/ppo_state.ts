import type { Adapter } from "@decorum/models";
import type { Tensor } from "@decorum/tensor";
import type { LearnerState } from "./policy_learner.ts";
import { checkParams, trainStateFromTensors, trainStateToTensors } from "./train_state.ts";

const REFERENCE = "reference.";

/** A learner's state as tensors for one safetensors file: those of its training state and `reference.<name>`. */
export function ppoStateToTensors({ train, reference }: LearnerState): Map<string, Tensor> {
  const tensors = trainStateToTensors(train);
  for (const [name, value] of reference ?? []) tensors.set(REFERENCE + name, value);
  return tensors;
}

/**
 * The state that {@link ppoStateToTensors} made these tensors of, bit for bit.
 *
 * @param like a state of the learner that resumes: names and shapes must be the same
 * @throws InputError when a tensor is missing, unknown, or of another type or shape
 */
export function ppoStateFromTensors(
  tensors: ReadonlyMap<string, Tensor>,
  like: LearnerState,
): LearnerState {
  const parts = Map.groupBy(tensors, ([name]) => name.startsWith(REFERENCE));
  const train = trainStateFromTensors(new Map(parts.get(false)), like.train.params);
  const frozen = parts.get(true);
  if (!frozen) return { train, reference: undefined };
  const reference = new Map(frozen.map(([name, value]) => [name.slice(REFERENCE.length), value]));
  const adapter = new Map([...like.train.params].filter(([name]) => !name.startsWith("v_head.")));
  checkParams(reference, adapter, "reference adapter of the state");
  return { train, reference: reference as Adapter };
}
