/** A small SFT run, in this process and in one of its own. */
import { linearSchedule } from "@decorum/optim";
import { lora } from "@decorum/testing/t5";
import { runtime } from "@decorum/testing/training";
import type { TrainedModel } from "../trained_model.ts";

/** An SFT run with everything that has a state: dropout, schedule, data order. */
export const sftOptions = (model: string): TrainedModel => ({
  model,
  lora: { ...lora, loraDropout: 0.1 },
  optimizer: {
    algorithm: "adamw",
    learningRate: 1e-2,
    weightDecay: 0.01,
    schedule: linearSchedule({ warmupSteps: 2, totalSteps: 6 }),
  },
  microBatchSize: 2,
  runtime,
});

export const runOptions = { batchSize: 4, steps: 6, seed: 11 };
