import type { evaluatorV1 } from "@decorum/rpc";
import { beforeAfterHistogram, lineChart, type Series } from "./charts.ts";
import { type ComparisonJson, inWords, type Summary } from "./summary.ts";

/** Values of every metric of a run by step. */
export type MetricHistory = ReadonlyMap<string, Series["points"]>;

/** Curves of the report: title, metrics, and whether the KL target is drawn. */
const curves: readonly { title: string; metrics: readonly string[]; target?: true }[] = [
  { title: "Reward (mean score)", metrics: ["ppo/mean_scores"] },
  { title: "KL to the reference", metrics: ["objective/kl"], target: true },
  { title: "Toxicity of the rollouts", metrics: ["env/toxicity"] },
  { title: "Entropy", metrics: ["ppo/policy/entropy"] },
  { title: "Response length (tokens)", metrics: ["tokens/responses_len_mean"] },
  { title: "Losses", metrics: ["ppo/loss/policy", "ppo/loss/value"] },
];

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => escapes[c] ?? c);
}

function row(name: string, c: ComparisonJson): string {
  const side = (m: { mean: number; std: number }) => `${m.mean.toFixed(4)} ± ${m.std.toFixed(4)}`;
  return `<tr><td>${name}</td><td>${c.n}</td><td>${side(c.before)}</td><td>${
    side(c.after)
  }</td><td>${escapeHtml(inWords(c))}</td></tr>`;
}

function sampleRow(sample: evaluatorV1.EvaluationSample__Output): string {
  const cells = [
    sample.prompt,
    sample.before,
    sample.toxicityBefore.toFixed(3),
    sample.after,
    sample.toxicityAfter.toFixed(3),
  ];
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
}

const style = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td, th { border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top }
.charts { display: flex; flex-wrap: wrap; gap: 1rem } .headline { font-size: 1.2rem }
td { white-space: pre-wrap } code { background: #f4f4f4; padding: 0 .2rem }`;

/** One self-contained page: no script, no link, nothing fetched. */
export async function reportHtml(
  title: string,
  summary: Summary,
  result: evaluatorV1.EvaluationResult__Output,
  history: MetricHistory,
): Promise<string> {
  const charts: string[] = [];
  for (const { title, metrics, target } of curves) {
    const series = metrics.flatMap((name) => {
      const points = history.get(name);
      return points && points.length > 0 ? [{ name, points }] : [];
    });
    if (series.length === 0) continue;
    charts.push(await lineChart(title, series, target ? summary.kl_target : undefined));
  }
  charts.push(
    await beforeAfterHistogram(
      "Toxicity of held-out responses",
      result.toxicityBefore,
      result.toxicityAfter,
    ),
  );
  const facts: [string, string][] = [
    [
      "KL to the reference",
      `${summary.kl.toFixed(3)} nats a response (target ${summary.kl_target})`,
    ],
    [
      "distinct-2",
      `${summary.distinct2.before.toFixed(3)} → ${summary.distinct2.after.toFixed(3)}`,
    ],
    [
      "ROUGE-L",
      summary.rouge_l
        ? `${summary.rouge_l.before.toFixed(4)} → ${summary.rouge_l.after.toFixed(4)}`
        : "no references",
    ],
    ["Steps", String(summary.steps)],
    ["Seconds", summary.seconds.toFixed(1)],
    ["Adapter version", String(summary.adapter_version)],
    ["Configuration", summary.config_hash],
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${style}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p class="headline">Mean toxicity of the responses to ${summary.toxicity.n} held-out prompts
<strong>${escapeHtml(inWords(summary.toxicity))}</strong>: ${
    summary.toxicity.before.mean.toFixed(4)
  } before, ${summary.toxicity.after.mean.toFixed(4)} after.</p>
<table><tr><th>judge</th><th>n</th><th>before (mean ± std)</th><th>after</th><th>change</th></tr>
${row("reward model", summary.toxicity)}
${summary.judge ? row("independent judge", summary.judge) : ""}</table>
<h2>Course of training</h2><div class="charts">${charts.join("\n")}</div>
<h2>Beside toxicity</h2><table>${
    facts.map(([name, value]) => `<tr><th>${name}</th><td>${escapeHtml(value)}</td></tr>`).join("")
  }</table>
<h2>Samples</h2>
<table><tr><th>prompt</th><th>before</th><th>toxicity</th><th>after</th><th>toxicity</th></tr>
${result.samples.map(sampleRow).join("\n")}</table>
</body></html>
`;
}
