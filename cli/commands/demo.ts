import { Command, InvalidArgumentError, Option } from "commander";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { algorithmNames } from "@decorum/algorithms";
import { runDemo } from "../demo.ts";
import { prefixed } from "../prefix.ts";
import { evaluationInWords, inWords } from "../summary.ts";

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected 0 or more");
  return value;
}

/** `decorum demo`: detoxifies the built-in model and shows it. */
export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "Detoxify the built-in model with the four services on this machine, and write a report.",
    )
    .option("--seed <n>", "seed of the data, the responses and the adapter", whole, 1)
    .addOption(new Option("--algorithm <name>", "how the policy learns").choices(algorithmNames))
    .option("--steps <n>", "steps of training (default: as demo/demo.yaml says)", whole)
    .option("--held-out <n>", "prompts of the evaluation", whole, 320)
    .option(
      "--out <folder>",
      "write report.html, summary.json, runs and logs here",
      join("out", "demo"),
    )
    .option("--constant-reward", "a control: give every response the same score", false)
    .option("--set <path=value...>", "change settings of the services, as policy.threads=2")
    .option("--verbose", "show the services' logs", false)
    .action(async (options) => {
      mkdirSync(options.out, { recursive: true });
      const log = createWriteStream(join(options.out, "services.log"));
      const { summary, reportFile, summaryFile } = await runDemo({
        ...options,
        set: options.set ?? [],
        onLine: prefixed(options.verbose ? process.stderr : log),
      });
      log.end();
      const { toxicity, judge, rouge_l, distinct2 } = summary;
      const [headline, ...terms] = evaluationInWords(summary);
      const sides = (a: number, b: number) => `${a.toFixed(4)} -> ${b.toFixed(4)}`;
      console.log(`
${headline}
  reward model   ${sides(toxicity.before.mean, toxicity.after.mean)}`);
      if (judge) {
        console.log(
          `  other judge    ${sides(judge.before.mean, judge.after.mean)}  ${inWords(judge)}`,
        );
      }
      for (const line of terms) console.log(`  ${line}`);
      if (rouge_l) console.log(`  ROUGE-L        ${sides(rouge_l.before, rouge_l.after)}`);
      console.log(`  distinct-2     ${sides(distinct2.before, distinct2.after)}
  KL             ${summary.kl.toFixed(3)} nats a response${
        summary.kl_target > 0 ? ` (target ${summary.kl_target})` : ""
      }
  ${summary.steps} steps, ${summary.seconds.toFixed(0)} s in all

Report:  ${reportFile}
Summary: ${summaryFile}`);
    });
}
