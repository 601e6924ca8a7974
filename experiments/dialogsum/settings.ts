import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { ConfigError } from "@decorum/settings";

const count = z.int().positive();
const share = z.number().min(0).max(1);
const flags = z.record(z.string(), z.union([z.string(), z.number()]));
const json = z.record(z.string(), z.unknown());
const shares = <const N extends readonly string[]>(...names: N) =>
  z.record(z.enum(names), z.number().positive());

/** A model that starts at random: its `config.json`, and options of the command that trains it. */
const training = z.strictObject({ flags, config: json });

const schema = z.strictObject({
  data: z.strictObject({
    min_chars: count,
    max_chars: count,
    prompt: z.string().includes("{dialogue}"),
    max_prompt_tokens: count,
    max_summary_tokens: count,
    max_sentence_tokens: count,
    inserted_share: share,
    quoted_share: share,
    copies: count,
    sentences: shares("reward", "judge", "train", "test"),
    dialogues: shares("generate", "reward", "judge"),
    held_out_share: share,
  }),
  sft: training,
  classifier: training,
  ppo: z.strictObject({
    seeds: z.array(z.int().nonnegative()).min(1),
    control: z.boolean(),
    held_out: z.int().min(2),
    rewards: z.record(z.string().regex(/^[a-z-]+$/), z.array(json).min(1))
      .refine((rewards) => Object.keys(rewards).length > 0, "expected at least one list of terms"),
    services: z.strictObject({
      model: json,
      policy: json,
      reward: json,
      evaluator: json,
      trainer: z.looseObject({
        ppo: z.looseObject({ temperature: z.number().positive(), max_new_tokens: count }),
      }),
    }),
  }),
});

/** Every size of the experiment; `settings.yaml` explains each. */
export type Settings = z.infer<typeof schema>;

/** @throws ConfigError naming every setting that is missing, unknown or out of range */
export function loadSettings(file: string): Settings {
  const result = schema.safeParse(parse(readFileSync(file, "utf8")));
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map(({ path, message }) => `${file}: ${path.join(".")}: ${message}`),
  );
}
