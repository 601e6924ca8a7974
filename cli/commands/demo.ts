import { Command, InvalidArgumentError, Option } from "commander";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { algorithmNames } from "@decorum/algorithms";
import { runDemo } from "../demo.ts";
import { prefixed } from "../prefix.ts";
import { inWords } from "../summary.ts";

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected 0 or more");
  return value;
}

/** `decorum demo`: detoxifies the built-in model and shows it. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("detoxify the built-in model with the four services on this machine, and report")
    .option("--seed <n>", "of data, draws and initialisation", whole, 1)
    .addOption(new Option("--algorithm <name>", "how the policy learns").choices(algorithmNames))
    .option("--steps <n>", "steps of training (default: those of demo/demo.yaml)", whole)
    .option("--held-out <n>", "prompts of the evaluation", whole, 320)
    .option(
      "--out <folder>",
      "where report.html, summary.json, runs and logs go",
      join("out", "demo"),
    )
    .option("--constant-reward", "control: every response gets the same score", false)
    .option("--set <path=value...>", "further settings of the services")
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
      const sides = (a: number, b: number) => `${a.toFixed(4)} -> ${b.toFixed(4)}`;
      console.log(`
Mean toxicity of ${toxicity.n} held-out responses ${inWords(toxicity)}.
  reward model   ${sides(toxicity.before.mean, toxicity.after.mean)}`);
      if (judge) {
        console.log(
          `  other judge    ${sides(judge.before.mean, judge.after.mean)}  ${inWords(judge)}`,
        );
      }
      if (rouge_l) console.log(`  ROUGE-L        ${sides(rouge_l.before, rouge_l.after)}`);
      console.log(`  distinct-2     ${sides(distinct2.before, distinct2.after)}
  KL             ${summary.kl.toFixed(3)} nats a response (target ${summary.kl_target})
  ${summary.steps} steps, ${summary.seconds.toFixed(0)} s in all

Report:  ${reportFile}
Summary: ${summaryFile}`);
    });
}
