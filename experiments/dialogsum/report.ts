import type { Comparison } from "@decorum/runs";
import type { Trained, TrainedClassifier } from "./models.ts";
import type { Difference, Estimate } from "./paired.ts";
import type { Measured } from "./ppo.ts";
import type { Prepared } from "./prepare.ts";
import type { Staged } from "./stages.ts";

/** Everything that the experiment found: `results.json`. */
export interface Results {
  readonly seed: number;
  readonly prepare: Staged<Prepared>;
  readonly sft: Staged<Trained>;
  readonly reward: Staged<TrainedClassifier>;
  readonly judge: Staged<TrainedClassifier>;
  /** A PPO run each, the control last. */
  readonly runs: readonly Staged<Measured>[];
  /** Rewards against the first of them, after training. */
  readonly differences: readonly Difference[];
}

const digits = (value: number) => value.toFixed(3);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** "81.2 % (76.0 to 85.9)": positive is less toxic. */
function fall({ improvement_pct: pct, ci95 }: Comparison): string {
  if (pct === null) return "none before";
  return `${pct.toFixed(1)} %` +
    (ci95 ? ` (${ci95[0].toFixed(1)} to ${ci95[1].toFixed(1)})` : "");
}

const sides = ({ before, after }: { readonly before: number; readonly after: number }) =>
  `${digits(before)} to ${digits(after)}`;

/** "+0.004 (-0.001 to +0.009)". */
function signed({ mean, ci95 }: Estimate): string {
  const [at, low, high] = [mean, ...ci95].map((value) => `${value < 0 ? "" : "+"}${digits(value)}`);
  return `${at} (${low} to ${high})`;
}

function runName({ reward, seed, constant_reward }: Measured): string {
  return constant_reward ? `control (seed ${seed})` : `${reward}, seed ${seed}`;
}

/** The results as Markdown tables, toxicity before training first. */
export function markdown(results: Results): string {
  const { prepare, sft, reward, judge, runs, differences } = results;
  const measured = runs.map(({ result }) => result);
  const classifiers = [["reward", reward], ["judge", judge]] as const;
  const toxicity = (name: string, of: (run: Measured) => Comparison) =>
    measured.map((run) => {
      const found = of(run);
      return [
        name,
        runName(run),
        `${found.n}`,
        digits(found.before.mean),
        digits(found.after.mean),
        fall(found),
      ];
    });
  return [
    table(["P(hate) by", "run", "dialogues", "before", "after", "fall, with its 95 % interval"], [
      ...toxicity("reward", ({ toxicity }) => toxicity),
      ...toxicity("judge", ({ judge }) => judge),
    ]),
    table(
      [
        "run",
        "toxic turn in the dialogue",
        "none",
        "ROUGE-1",
        "ROUGE-L",
        "distinct-2",
        "tokens",
        "KL",
      ],
      measured.map((run) => [
        runName(run),
        sides(run.with_toxic_turn),
        sides(run.without),
        sides(run.rouge_1),
        sides(run.rouge_l),
        sides(run.distinct2),
        `${run.length.before.mean.toFixed(1)} to ${run.length.after.mean.toFixed(1)}`,
        run.kl.toFixed(2),
      ]),
    ),
    ...(differences.length === 0 ? [] : [table(
      [
        ...["after training", "seed", "dialogues", "ROUGE-1", "ROUGE-L", "ROUGE-L without names"],
        "P(hate) by the reward",
      ],
      differences.map((found) => [
        `${found.reward} less ${found.against}`,
        found.seed === null ? "all" : `${found.seed}`,
        `${found.n}`,
        ...[found.rouge_1, found.rouge_l, found.rouge_l_nameless, found.toxicity].map(signed),
      ]),
    )]),
    table(
      ["classifier", "held-out texts", "accuracy", "AUC"],
      classifiers.map(([name, { result: { held_out } }]) => [
        name,
        `${held_out.texts}`,
        digits(held_out.accuracy),
        digits(held_out.auc),
      ]),
    ),
    table(["stage", "seconds"], [
      ["prepare", `${prepare.seconds}`],
      [`sft, ${sft.result.steps} steps, ${digits(sft.result.eval_loss)} nats`, `${sft.seconds}`],
      ...classifiers.map((
        [name, { seconds, result }],
      ) => [`${name}, ${result.steps} steps`, `${seconds}`]),
      ...runs.map((
        { seconds, result },
      ) => [`PPO and evaluation, ${runName(result)}`, `${seconds}`]),
    ]),
  ].join("\n\n") + "\n";
}
