import { initClassifier } from "@decorum/models";
import { join } from "node:path";
import { type LabelledText, openReward, saveTrained, train } from "@decorum/learning";
import { linearSchedule } from "@decorum/optim";
import { loadTokenizer, type Tokenizer } from "@decorum/text";
import { type JudgedText, judgedTexts } from "../corpus/mod.ts";
import { bpeTokenizer } from "./bpe_tokenizer.ts";
import { type Recipe, report } from "./recipe.ts";
import { writeTokenizer } from "./tokenizer_folder.ts";

const ROWS = 24_000;
const STEPS = 600;
const BATCH = 32;
const MERGES = 1_500;
const UNSEEN = 500;

/** Names as in the classifier of the lab. */
export const labels = ["nothate", "hate"] as const;

const config = (vocabSize: number) => ({
  model_type: "roberta",
  vocab_size: vocabSize,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  hidden_act: "gelu",
  max_position_embeddings: 130,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  initializer_range: 0.05,
  id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
  label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  bos_token_id: 0,
  pad_token_id: 1,
  eos_token_id: 2,
});

/**
 * Makes one of the two classifiers. They share no training text: the corpus is dealt out, the even rows to
 * the reward, the odd ones to the judge; tokenizer, random weights and order are each one's own.
 */
export async function makeClassifier(
  role: "reward" | "judge",
  folder: string,
  work: string,
  recipe: Recipe,
): Promise<void> {
  const own = role === "reward" ? 0 : 1;
  const seed = recipe.seed + 1 + own;
  const all = judgedTexts(recipe.seed, ROWS).filter((_, i) => i % 2 === own);
  const [unseen, rows] = [all.slice(0, UNSEEN), all.slice(UNSEEN)];
  const start = join(work, role);
  const tokenizerOf = join(work, `${role}-tokenizer`);
  const texts = rows.flatMap(({ text, query }) => query === undefined ? [text] : [query, text]);
  const made = bpeTokenizer(texts, MERGES);
  writeTokenizer(tokenizerOf, made);
  initClassifier(start, config(made.vocabSize), { seed, tokenizerOf });
  const tokenizer = loadTokenizer(start);
  const steps = recipe.quick ? 20 : STEPS;
  await using trainer = await openReward({
    model: start,
    objective: "labels",
    microBatchSize: BATCH,
    seed,
    optimizer: {
      learningRate: 2e-3,
      schedule: linearSchedule({ warmupSteps: 10, totalSteps: steps }),
    },
    runtime: recipe.runtime,
  });
  const data = rows.map((row) => labelled(row, tokenizer));
  for await (const metrics of train(trainer, data, { batchSize: BATCH, steps, seed })) {
    report(recipe, role, steps, metrics);
  }
  const { means } = await trainer.evaluate(unseen.map((row) => labelled(row, tokenizer)));
  recipe.log(
    `${role}: ${(100 * means["accuracy"]!).toFixed(1)} % right on ${UNSEEN} texts it has not seen`,
  );
  saveTrained(folder, start, trainer);
}

function labelled({ text, query, rude }: JudgedText, tokenizer: Tokenizer): LabelledText {
  const encoding = query === undefined
    ? tokenizer.encode(text)
    : tokenizer.encodePair(query, text, { maxLength: tokenizer.modelMaxLength, truncate: "first" });
  return { ...encoding, label: labels.indexOf(rude ? "hate" : "nothate") };
}
