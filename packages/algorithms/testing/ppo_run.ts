import type { KlController } from "../kl_controller.ts";
import { permutation, randomKey } from "@decorum/tensor";
import type { PpoLearner, PpoLearnerOptions } from "../ppo_learner.ts";
import { ppoStep } from "../ppo_step.ts";
import { lora, randomAdapter } from "@decorum/testing/t5";
import { randomSequences, runtime } from "@decorum/testing/training";

export const startController: KlController = {
  kind: "adaptive",
  value: 0.2,
  target: 6,
  horizon: 100,
};

/** A PPO run with everything that has a state. */
export const ppoOptions = (model: string): PpoLearnerOptions => ({
  model,
  lora,
  adapter: randomAdapter(model),
  loss: { cliprange: 0.2, cliprangeValue: 0.2, vfCoef: 0.1 },
  optimizer: { learningRate: 1e-2 },
  runtime,
});

/** Steps `from` to `to` of the run; the KL controller afterwards. */
export async function ppoSteps(
  learner: PpoLearner,
  from: number,
  to: number,
  start: KlController,
): Promise<KlController> {
  let controller = start;
  for (let step = from; step < to; step++) {
    const sequences = randomSequences(6, `step ${step}`);
    const result = await ppoStep(
      learner,
      { sequences, scores: sequences.map((s) => s.response.length / 4) },
      {
        miniBatchSize: 2,
        ppoEpochs: 2,
        klKind: "k3",
        gamma: 0.99,
        lam: 0.95,
        temperature: 0.9,
      },
      controller,
      (epoch) => permutation(randomKey(1, step, epoch), 6),
    );
    controller = result.klController;
  }
  return controller;
}
