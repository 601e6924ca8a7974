import { join } from "node:path";
import { z } from "zod";
import {
  type CheckpointContents,
  type LearnerState,
  readCheckpoint,
  writeCheckpoint,
  type WrittenCheckpoint,
} from "@decorum/learning";
import type { LinearLayers, LoraConfig } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { InputError } from "@decorum/tensor";
import type { Progress } from "../step/step.ts";

/** What a run resumes from. */
export interface ResumePoint {
  readonly progress: Progress;
  readonly learner: LearnerState;
  /** Weights that the next step's rollouts are made by, where they are not the learner's; see `Batches`. */
  readonly generator?: Params | undefined;
}

/** The run that a checkpoint is of. */
export interface RunIdentity {
  readonly runId: string;
  readonly configHash: string;
}

const count = z.int().nonnegative();
const infoSchema = z.strictObject({
  run_id: z.string(),
  config_hash: z.string(),
  step: count,
  /** Version that was made of these weights; it follows from the step, and is for people. */
  weights_version: count,
  kl_controller: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("fixed"), value: z.number() }),
    z.strictObject({
      kind: z.literal("adaptive"),
      value: z.number(),
      target: z.number(),
      horizon: z.number(),
    }),
  ]),
  moments: z.strictObject({ mean: z.number(), var: z.number(), count }),
  reward_version: z.string(),
});

/** Writes a checkpoint of a run; see `writeCheckpoint` of `@decorum/learning`. The reference lies in the run's folder. */
export function writeResumePoint(
  folder: string,
  { progress, learner, generator }: ResumePoint,
  { runId, configHash }: RunIdentity,
  model: { readonly lora: LoraConfig; readonly base: string },
): WrittenCheckpoint {
  const info: z.infer<typeof infoSchema> = {
    run_id: runId,
    config_hash: configHash,
    step: progress.step,
    weights_version: progress.step + 1,
    kl_controller: progress.klController,
    moments: progress.moments,
    reward_version: progress.rewardVersion,
  };
  const contents: CheckpointContents = {
    train: learner.train,
    info,
    ...(generator ? { others: { generator } } : {}),
  };
  return writeCheckpoint(folder, progress.step, contents, model);
}

/**
 * Reads a checkpoint of a run.
 *
 * @param like a state of the learner that resumes
 * @throws InputError naming the file, when it is damaged, or of another run
 */
export function readResumePoint(
  path: string,
  expected: RunIdentity & { readonly layers: LinearLayers },
  like: LearnerState,
): ResumePoint {
  const found = readCheckpoint(path, like.train.params, expected.layers);
  const file = join(path, "state.json");
  const parsed = infoSchema.safeParse(found.info);
  if (!parsed.success) {
    throw new InputError(`Cannot resume from ${file}: ${z.prettifyError(parsed.error)}`);
  }
  const info = parsed.data;
  for (
    const [field, is, wanted] of [
      ["run_id", info.run_id, expected.runId],
      ["config_hash", info.config_hash, expected.configHash],
    ]
  ) {
    if (is === wanted) continue;
    throw new InputError(`Cannot resume from ${file}: ${field} is ${is}, the run has ${wanted}`);
  }
  const { generator } = found.others;
  return {
    progress: {
      step: info.step,
      klController: info.kl_controller,
      moments: info.moments,
      rewardVersion: info.reward_version,
    },
    learner: { train: found.train, reference: like.reference },
    ...(generator ? { generator } : {}),
  };
}
