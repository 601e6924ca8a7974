import { Command } from "commander";
import process from "node:process";
import { ConfigError } from "@decorum/config";
import { createClient, evaluatorService, type policyV1 } from "@decorum/rpc";
import { loadRows, parsePrompt } from "@decorum/text";
import { evaluateWithProgress } from "../evaluate_run.ts";
import {
  addFlags,
  count,
  dataFile,
  flag,
  positive,
  positiveCount,
  Problems,
  readFlags,
  text,
} from "../flags.ts";
import { inWords, summarize } from "../report/summary.ts";

const flags = {
  address: flag(
    "--address <host:port>",
    "the evaluator (default 127.0.0.1:50053)",
    text.default("127.0.0.1:50053"),
  ),
  data: flag("--data <file>", "held-out prompts: .jsonl, .ndjson or .csv", dataFile),
  prompt: flag("--prompt <template>", "prompt with {columns} of the data", text),
  reference: flag("--reference <column>", "column with the human text, for ROUGE", text.optional()),
  limit: flag("--limit <n>", "first rows only", positiveCount.optional()),
  run: flag("--run <name>", "run whose weights are measured", text),
  version: flag("--version <n>", "version of them (default: the newest)", positiveCount.optional()),
  seed: flag("--seed <n>", "of the draws, the same before and after (default 0)", count.default(0)),
  temperature: flag("--temperature <x>", "default 1", positive.default(1)),
  maxNewTokens: flag("--max-new-tokens <n>", "default 64", positiveCount.default(64)),
} as const;

/** `decorum evaluate`: toxicity before and after, measured by a running evaluator. */
export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .description(
      "measure a run's weights against its start, through a running evaluator; JSON out",
    );
  return addFlags(command, flags).action(async (given) => {
    const problems = new Problems();
    const found = readFlags(flags, given, problems);
    problems.throwIfAny();
    const { address, data, prompt, reference, limit, run, version } = found as Required<
      typeof found
    >;
    const rows = (await loadRows(data!)).slice(0, limit ?? Infinity);
    if (rows.length === 0) throw new ConfigError([`--data is "${data}": it has no rows`]);
    const template = parsePrompt(prompt!, Object.keys(rows[0]!));
    const after: policyV1.WeightsSelector = version === undefined
      ? { kind: "WEIGHTS_KIND_UNSPECIFIED", runId: run! }
      : { kind: "WEIGHTS_KIND_VERSION", runId: run!, version };
    using evaluator = createClient(evaluatorService, {
      address: address!,
      maxMessageBytes: 64 * 2 ** 20,
    });
    const result = await evaluateWithProgress(evaluator, {
      prompts: rows.map((row, i) => ({
        key: `${i}`,
        prompt: template.render(row),
        ...(reference === undefined ? {} : { reference: row[reference] ?? "" }),
      })),
      sampling: {
        doSample: true,
        temperature: found.temperature!,
        maxNewTokens: found.maxNewTokens!,
      },
      seed: found.seed!,
      before: { kind: "WEIGHTS_KIND_START", runId: run! },
      after,
      samples: 8,
    });
    const summary = summarize(result, {
      kl_target: 0,
      steps: 0,
      seconds: result.seconds,
      config_hash: "",
    });
    const { kl_target: _target, steps: _steps, config_hash: _hash, ...measured } = summary;
    process.stderr.write(
      `Mean toxicity of ${summary.toxicity.n} responses ${inWords(summary.toxicity)}.\n`,
    );
    console.log(JSON.stringify({ ...measured, samples: result.samples }));
  });
}
