import { Command } from "commander";
import { once } from "node:events";
import process from "node:process";
import { ConfigError } from "@decorum/settings";
import { connection, connectionFlags } from "../connection.ts";
import {
  addFlags,
  checkPath,
  count,
  flag,
  type FlagValues,
  positiveCount,
  Problems,
  readFlags,
  text,
  toggle,
} from "../flags.ts";
import { openFolder, openService, type Scorer } from "../score/scorer.ts";
import { textItems } from "../score/text_items.ts";

const scoreFlags = {
  model: flag("--model <folder>", "the classifier: a Hugging Face folder", text.optional()),
  address: flag(
    "--address <host:port>",
    "ask a reward service that runs there instead",
    text.optional(),
  ),
  file: flag(
    "--file <file>",
    "score the lines of this file (default: of standard input)",
    text.optional(),
  ),
  query: flag(
    "--query <text>",
    "score each text as the answer to this one",
    text.optional(),
  ),
  jsonl: flag(
    "--jsonl",
    'read lines as JSON: a string, or {"prompt": ..., "response": ...} for a pair. Files named .jsonl are read so anyway',
    toggle,
  ),
  label: flag(
    "--label <name>",
    "the label whose logit is the score (default: the service's, or the first)",
    text.optional(),
  ),
  batch: flag("--batch <n>", "texts at once", positiveCount.default(16)),
  truncate: flag("--truncate", "cut texts that are too long instead of refusing them", toggle),
  threads: flag(
    "--threads <n>",
    "threads of one operator; 0: one for each physical core",
    count.default(0),
  ),
  ...connectionFlags,
} as const;

type ScoreFlags = FlagValues<typeof scoreFlags>;

/** `decorum score`: what a classifier says of texts, as JSON lines. */
export function scoreCommand(): Command {
  const command = new Command("score")
    .description("Score texts: arguments, the lines of a file, or the lines of standard input.")
    .argument("[texts...]", "texts to score")
    .addHelpText(
      "after",
      "\nPrints one line of JSON for each text, in their order. A token for --address may also be in DECORUM_TOKEN." +
        "\nExit codes: 0 all were scored, 1 a text or the service failed, 2 wrong options.",
    );
  return addFlags(command, scoreFlags).action(async (texts: string[], given) => {
    const problems = new Problems();
    const flags = readFlags(scoreFlags, given, problems);
    const { model, address, file } = flags;
    if (model === undefined && address === undefined) {
      problems.add("--model is missing: name a classifier's folder, or --address a service");
    }
    if (model !== undefined && address !== undefined) {
      problems.add("--model and --address were both given: leave one out");
    }
    if (model !== undefined) checkPath("--model", model, "folder", problems);
    if (file !== undefined) checkPath("--file", file, "file", problems);
    if (texts.length > 0 && file !== undefined) {
      problems.add("texts and --file were both given: leave one out");
    }
    problems.throwIfAny();
    await score(texts, flags as ScoreFlags);
  });
}

async function score(texts: readonly string[], flags: ScoreFlags): Promise<void> {
  // `decorum score ... | head` ends the reader first.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  await using scorer = await openScorer(flags);
  const label = flags.label ?? scorer.defaultLabel;
  const index = scorer.labels.indexOf(label);
  if (index < 0) {
    const labels = scorer.labels.map((name) => `"${name}"`).join(", ");
    throw new ConfigError([`--label is "${label}": the classifier's labels are ${labels}`]);
  }
  const jsonl = flags.jsonl || /\.(jsonl|ndjson)$/i.test(flags.file ?? "");
  const items = textItems({ texts, file: flags.file, query: flags.query, jsonl });
  using progress = showProgress();
  const all = batches(items, Math.min(flags.batch, scorer.maxTexts));
  for await (const { texts: scored, scores } of scorer.score(all, flags.truncate)) {
    const named = (values: readonly number[]) =>
      Object.fromEntries(scorer.labels.map((name, i) => [name, values[i]!]));
    const lines = scores.map(({ logits, probabilities, truncated }, i) =>
      JSON.stringify({
        ...scored[i]!.shown,
        label,
        score: logits[index],
        logits: named(logits),
        probabilities: named(probabilities),
        truncated,
      }) + "\n"
    );
    if (!process.stdout.write(lines.join(""))) await once(process.stdout, "drain");
    progress.add(scored.length);
  }
}

/** How many texts are done, on a terminal that does not show the results themselves. */
function showProgress(): Disposable & { add(texts: number): void } {
  const show = process.stderr.isTTY && !process.stdout.isTTY;
  const began = performance.now();
  let done = 0;
  return {
    add(texts) {
      done += texts;
      const rate = done / (performance.now() - began) * 1000;
      if (show) process.stderr.write(`\r${done} texts  ${rate.toFixed(0)}/s \x1b[K`);
    },
    [Symbol.dispose]() {
      if (show && done > 0) process.stderr.write("\n");
    },
  };
}

async function openScorer({ model, address, threads, ...flags }: ScoreFlags): Promise<Scorer> {
  if (model !== undefined) return await openFolder(model, threads);
  if (address === undefined) throw new Error("internal: neither model nor address");
  return await openService(address, connection(flags));
}

async function* batches<T>(all: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of all) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
