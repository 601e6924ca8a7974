import { type JsonObject, readJson } from "@decorum/tensor";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "@decorum/settings";
import { openCheckpoint } from "@decorum/models";
import { loadTokenizer } from "@decorum/text";
import type { TrainingFlags } from "./training_flags.ts";

/** `initPolicyModel` or `initClassifier`. */
type Initialise = (
  folder: string,
  config: JsonObject,
  options: { readonly seed: number; readonly tokenizerOf?: string },
) => void;

/**
 * The folder of the model that training starts from: the one that was named, or `start` in the output folder,
 * which gets random weights unless a run goes on that has them.
 *
 * @throws ConfigError when the vocabulary of the config is smaller than the tokenizer's
 */
export function startModel(
  flags: Pick<TrainingFlags, "model" | "initConfig" | "tokenizer" | "out" | "seed" | "resume">,
  initialise: Initialise,
): string {
  const { model, initConfig, out, seed, resume } = flags;
  if (model !== undefined) return model;
  if (initConfig === undefined) throw new Error("internal: neither model nor config");
  const folder = join(out, "start");
  if (resume && existsSync(join(folder, "config.json"))) return folder;
  const config = readJson(initConfig);
  const tokenizerOf = flags.tokenizer ?? dirname(initConfig);
  const { vocabSize } = loadTokenizer(tokenizerOf);
  const rows = config["vocab_size"];
  if (typeof rows === "number" && rows < vocabSize) {
    throw new ConfigError([
      `--init-config is "${initConfig}": its vocab_size is ${rows}, but the tokenizer of ${tokenizerOf} has ids up to ${
        vocabSize - 1
      }; expected at least ${vocabSize}`,
    ]);
  }
  initialise(folder, config, { seed, tokenizerOf });
  return folder;
}

/** Numbers in the weights of a model folder. */
export function countWeights(folder: string): number {
  using checkpoint = openCheckpoint(folder);
  return checkpoint.keys()
    .map((key) => checkpoint.info(key).dims.reduce((n, size) => n * size, 1))
    .reduce((sum, n) => sum + n, 0);
}
