import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "@decorum/tensor";
import { measureQuality, type Quality } from "./classifier_quality.ts";
import { decorum } from "./decorum.ts";
import type { Settings } from "./settings.ts";
import { digestOf } from "./stages.ts";

/** A trained model. */
export interface Trained {
  /** Of its weights. */
  readonly sha256: string;
  readonly steps: number;
  /** Mean on held-out rows: nats a target token, or a text. */
  readonly eval_loss: number;
}

export interface TrainedClassifier extends Trained {
  readonly held_out: Quality;
}

/** A training of one small model. */
interface Job {
  readonly command: "sft" | "reward-train";
  /** The stage's folder. */
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: string;
  readonly flags: Readonly<Record<string, string | number>>;
  readonly seed: number;
  readonly args: readonly string[];
}

/** Runs a small trainer to its end, from its checkpoint where one is there. */
async function train({ command, folder, config, tokenizer, flags, seed, args }: Job) {
  const configFile = join(folder, "config.json");
  replaceFile(configFile, JSON.stringify(config, null, 2) + "\n");
  const resume = existsSync(join(folder, "checkpoint")) ? ["--resume"] : [];
  await decorum([
    ...[command, "--init-config", configFile, "--tokenizer", tokenizer, "--out", folder],
    ...args,
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, `${value}`]),
    ...["--truncate", "--seed", `${seed}`, ...resume],
  ]);
  const last = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n").at(-1)!;
  const { step, eval_loss } = JSON.parse(last) as { step: number; eval_loss: number };
  const sha256 = digestOf([join(folder, "model", "model.safetensors")]);
  return { sha256, steps: step, eval_loss };
}

/** The T5 that summarises and quotes. @param prepared folder with the data */
export function trainSummariser(
  folder: string,
  prepared: string,
  data: string,
  { sft, data: { prompt, max_prompt_tokens } }: Settings,
  seed: number,
): Promise<Trained> {
  return train({
    command: "sft",
    folder,
    config: sft.config,
    tokenizer: join(data, "tokenizers", "flan-t5"),
    flags: sft.flags,
    seed,
    args: [
      ...["--data", join(prepared, "sft.train.jsonl")],
      ...["--eval-data", join(prepared, "sft.dev.jsonl")],
      ...["--prompt", prompt, "--response", "summary"],
      ...["--max-source-tokens", `${max_prompt_tokens}`],
    ],
  });
}

/**
 * A toxicity classifier, also as the ONNX folder `onnx`.
 *
 * @param role whose texts it learns from: those of the reward, or those of the judge
 */
export async function trainClassifier(
  role: "reward" | "judge",
  folder: string,
  prepared: string,
  data: string,
  { classifier }: Settings,
  seed: number,
): Promise<TrainedClassifier> {
  const heldOut = join(prepared, `${role}.test.jsonl`);
  const trained = await train({
    command: "reward-train",
    folder,
    config: classifier.config,
    tokenizer: join(data, "tokenizers", "roberta-base"),
    flags: classifier.flags,
    seed: seed + (role === "reward" ? 1 : 2),
    args: ["--data", join(prepared, `${role}.train.jsonl`), "--eval-data", heldOut],
  });
  const model = join(folder, "model");
  const quality = await measureQuality(model, heldOut, folder);
  await decorum(["export", "--base", model, "--onnx", "--out", join(folder, "onnx")]);
  return { ...trained, held_out: quality };
}
