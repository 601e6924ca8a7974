import { Command } from "commander";
import { createWriteStream } from "node:fs";
import { ConfigError } from "@decorum/settings";
import { comparison, moments, sides } from "@decorum/runs";
import { createClient, evaluatorService, type evaluatorV1 } from "@decorum/rpc";
import { loadRows, parsePrompt } from "@decorum/text";
import { connection, connectionFlags } from "../connection.ts";
import { evaluateWithProgress } from "../evaluate_run.ts";
import {
  addFlags,
  checkPath,
  count,
  dataFile,
  flag,
  type FlagValues,
  positive,
  positiveCount,
  Problems,
  readFlags,
  text,
} from "../flags.ts";
import { withEvaluator } from "../local_evaluator.ts";
import { prefixed } from "../prefix.ts";
import { evaluationInWords, summarize } from "../summary.ts";

const flags = {
  address: flag(
    "--address <host:port>",
    "use the evaluator that runs there (default: 127.0.0.1:50053)",
    text.optional(),
  ),
  config: flag(
    "--config <file>",
    "start policy and evaluator here instead, for a run that has ended (YAML)",
    text.optional(),
  ),
  log: flag(
    "--log <file>",
    "write the logs of services that are started here to it",
    text.default("services.log"),
  ),
  data: flag("--data <file>", "held-out prompts: .jsonl, .ndjson or .csv", dataFile),
  prompt: flag("--prompt <template>", "prompt with {columns} of the data", text),
  reference: flag(
    "--reference <column>",
    "the column with the human text, for ROUGE",
    text.optional(),
  ),
  limit: flag("--limit <n>", "use only the first rows", positiveCount.optional()),
  run: flag("--run <name>", "the run whose weights are measured", text),
  version: flag(
    "--version <n>",
    "the version of the weights (default: the newest)",
    positiveCount.optional(),
  ),
  seed: flag("--seed <n>", "seed of the responses, before and after", count.default(0)),
  temperature: flag("--temperature <x>", "temperature of the responses", positive.default(1)),
  maxNewTokens: flag("--max-new-tokens <n>", "longest response", positiveCount.default(64)),
  samples: flag("--samples <n>", "samples to print", count.default(8)),
  ...connectionFlags,
} as const;

/** `decorum evaluate`: toxicity before and after, measured by an evaluator. */
export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .description("Measure a run's weights against its start, and print JSON.")
    .option("--set <path=value...>", "change settings of the configuration (with --config)");
  return addFlags(command, flags).action(async (given) => {
    const problems = new Problems();
    const found = readFlags(flags, given, problems);
    const { address, config } = found;
    if (address !== undefined && config !== undefined) {
      problems.add("--address and --config were both given: leave one out");
    }
    if (config !== undefined && found.version !== undefined) {
      problems.add("--version does not belong to --config, which measures the run's result");
    }
    if (config !== undefined) checkPath("--config", config, "file", problems);
    problems.throwIfAny();
    const options = found as FlagValues<typeof flags>;
    const request = await requestOf(options);
    const call = config === undefined ? connection(options)("evaluator") : {};
    const evaluate = async (address: string): Promise<void> => {
      using evaluator = createClient(evaluatorService, { ...call, address });
      print(await evaluateWithProgress(evaluator, request));
    };
    if (config === undefined) return await evaluate(address ?? "127.0.0.1:50053");
    const log = createWriteStream(options.log, { flags: "a" });
    const local = { config, set: (given.set as string[]) ?? [], onLine: prefixed(log) };
    await withEvaluator(local, options.run, evaluate).finally(() => log.end());
  });
}

async function requestOf(options: FlagValues<typeof flags>): Promise<evaluatorV1.EvaluateRequest> {
  const { data, prompt, reference, limit, run, version } = options;
  const rows = (await loadRows(data)).slice(0, limit ?? Infinity);
  if (rows.length === 0) throw new ConfigError([`--data is "${data}": it has no rows`]);
  const template = parsePrompt(prompt, Object.keys(rows[0]!));
  return {
    prompts: rows.map((row, i) => ({
      key: `${i}`,
      prompt: template.render(row),
      rowJson: JSON.stringify(row),
      ...(reference === undefined ? {} : { reference: row[reference] ?? "" }),
    })),
    sampling: {
      doSample: true,
      temperature: options.temperature,
      maxNewTokens: options.maxNewTokens,
    },
    seed: options.seed,
    before: { kind: "WEIGHTS_KIND_START", runId: run },
    after: version === undefined
      ? { kind: "WEIGHTS_KIND_UNSPECIFIED", runId: run }
      : { kind: "WEIGHTS_KIND_VERSION", runId: run, version },
    samples: options.samples,
  };
}

function print(result: evaluatorV1.EvaluationResult__Output): void {
  const summary = summarize(result, {
    kl_target: 0,
    steps: 0,
    seconds: result.seconds,
    config_hash: "",
  });
  const { kl_target: _target, steps: _steps, config_hash: _hash, ...measured } = summary;
  for (const line of evaluationInWords(summary)) console.error(line);
  const { toxicityWithQuery, rouge, lengthBefore, lengthAfter } = result;
  console.log(JSON.stringify({
    ...measured,
    toxicity_with_query: toxicityWithQuery && comparison(toxicityWithQuery),
    rouge_1: rouge && sides(rouge.rouge1),
    rouge_2: rouge && sides(rouge.rouge2),
    distinct1: sides(result.distinct1),
    length: { before: moments(lengthBefore), after: moments(lengthAfter) },
    samples: result.samples,
  }));
}
