import { join } from "node:path";
import { openSft, saveTrained, train } from "@decorum/learning";
import { initPolicyModel, Sequence } from "@decorum/models";
import { linearSchedule } from "@decorum/optim";
import { loadTokenizer, parsePrompt, type Tokenizer } from "@decorum/text";
import { PROMPT_TEMPLATE, type SummaryRow, summaryRows } from "../corpus/mod.ts";
import { type Recipe, report } from "./recipe.ts";
import { writeTokenizer } from "./tokenizer_folder.ts";
import { unigramTokenizer } from "./unigram_tokenizer.ts";

const ROWS = 40_000;
const STEPS = 4_000;
const BATCH = 32;

/** `config.json` of the policy: T5 1.0's tied head, FLAN-T5's gated GELU. */
const config = (vocabSize: number) => ({
  model_type: "t5",
  vocab_size: vocabSize,
  d_model: 64,
  d_kv: 16,
  d_ff: 128,
  num_layers: 2,
  num_decoder_layers: 2,
  num_heads: 4,
  relative_attention_num_buckets: 32,
  relative_attention_max_distance: 128,
  layer_norm_epsilon: 1e-6,
  feed_forward_proj: "gated-gelu",
  is_encoder_decoder: true,
  tie_word_embeddings: true,
  dropout_rate: 0,
  initializer_factor: 1,
  use_cache: true,
  pad_token_id: 0,
  eos_token_id: 1,
  decoder_start_token_id: 0,
});

/** Makes the summariser: tokenizer and random weights in `work`, trained model in `folder`. */
export async function makePolicy(folder: string, work: string, recipe: Recipe): Promise<void> {
  const { seed } = recipe;
  const rows = summaryRows(seed, ROWS);
  const start = join(work, "policy");
  const made = unigramTokenizer(
    rows.flatMap(({ dialogue, summary }) => [promptOf(dialogue), summary]),
  );
  writeTokenizer(join(work, "policy-tokenizer"), made);
  initPolicyModel(start, config(made.vocabSize), {
    seed,
    tokenizerOf: join(work, "policy-tokenizer"),
  });
  const tokenizer = loadTokenizer(start);
  const steps = recipe.quick ? 20 : STEPS;
  await using trainer = await openSft({
    model: start,
    microBatchSize: BATCH,
    seed,
    optimizer: {
      learningRate: 4e-3,
      schedule: linearSchedule({ warmupSteps: 10, totalSteps: steps }),
    },
    runtime: recipe.runtime,
  });
  const data = rows.map((row) => sequenceOf(row, tokenizer));
  for await (const metrics of train(trainer, data, { batchSize: BATCH, steps, seed })) {
    report(recipe, "policy", steps, metrics);
  }
  const unseen = summaryRows(seed + 1, 200).map((row) => sequenceOf(row, tokenizer));
  const { means } = await trainer.evaluate(unseen);
  recipe.log(`policy: ${means["loss"]!.toFixed(3)} nats a token on 200 rows it has not seen`);
  saveTrained(folder, start, trainer);
}

const prompt = parsePrompt(PROMPT_TEMPLATE, ["dialogue"]);

/** The policy's input for a dialogue. */
export function promptOf(dialogue: string): string {
  return prompt.render({ dialogue });
}

function sequenceOf({ dialogue, summary }: SummaryRow, tokenizer: Tokenizer): Sequence {
  return {
    query: tokenizer.encode(promptOf(dialogue)).ids,
    response: tokenizer.encode(summary).ids,
  };
}
