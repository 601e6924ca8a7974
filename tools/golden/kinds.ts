import type { RuntimeOptions } from "@decorum/runtime";
import type { Tensor } from "@decorum/tensor";
import type { GoldenCase } from "./case.ts";
import { classify } from "./cases/classify.ts";
import { dpoSteps } from "./cases/dpo_steps.ts";
import { groupMath } from "./cases/group_math.ts";
import { grpoSteps, rlooSteps } from "./cases/group_steps.ts";
import { onlineDpoSteps } from "./cases/online_dpo_steps.ts";
import { ppoMath } from "./cases/ppo_math.ts";
import { t5Forward } from "./cases/t5_forward.ts";
import { t5Greedy } from "./cases/t5_greedy.ts";
import { t5LoraGrad } from "./cases/t5_lora_grad.ts";
import { trlExpected, trlSteps } from "./cases/trl_steps.ts";

/** How a kind of case is reproduced. */
export interface Kind {
  /** Computes what the case expects, by name, in the runtime's precision where it has a model. */
  readonly reproduce: (
    golden: GoldenCase,
    runtime: RuntimeOptions,
  ) => Map<string, Tensor> | Promise<Map<string, Tensor>>;
  /** What is expected, where it is more than `expected.safetensors`. */
  readonly expected?: (golden: GoldenCase) => ReadonlyMap<string, Tensor>;
}

export const kinds: Readonly<Record<string, Kind>> = {
  t5_forward: { reproduce: t5Forward },
  t5_greedy: { reproduce: t5Greedy },
  t5_lora_grad: { reproduce: t5LoraGrad },
  seq2seq_forward: { reproduce: t5Forward },
  seq2seq_greedy: { reproduce: t5Greedy },
  seq2seq_lora_grad: { reproduce: t5LoraGrad },
  classify: { reproduce: classify },
  roberta_classify: { reproduce: classify },
  bert_classify: { reproduce: classify },
  ppo_math: { reproduce: ppoMath },
  group_math: { reproduce: groupMath },
  grpo_steps: { reproduce: grpoSteps },
  rloo_steps: { reproduce: rlooSteps },
  dpo_steps: { reproduce: dpoSteps },
  online_dpo_steps: { reproduce: onlineDpoSteps },
  trl_steps: { reproduce: trlSteps, expected: trlExpected },
};
