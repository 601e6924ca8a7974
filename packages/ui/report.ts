import { createHash } from "node:crypto";
import { notFound } from "@decorum/rpc";
import { loadAssets, scripts } from "./assets.ts";
import { linkScripts } from "./link.ts";
import { withoutSecrets } from "./secrets.ts";
import type { RunSource } from "./source.ts";

/** Points of a report's curves at most, about. */
const POINTS = 400;
/** Steps whose samples a report holds, at most. */
const SAMPLED_STEPS = 50;

/**
 * A run as one file: the page itself with all that it shows of the run. It fetches nothing, and nothing runs in it but
 * the page's own scripts.
 *
 * @throws StatusError NOT_FOUND; what the source throws
 */
export async function reportOf(source: RunSource, runId: string): Promise<string> {
  const run = await source.run(runId);
  if (!run) throw notFound(`There is no run ${JSON.stringify(runId)} in ${source.name}`);
  const curves = await source.curves(runId, { names: run.metricNames, points: POINTS });
  const samples = await Promise.all(
    spread(run.step, SAMPLED_STEPS).map(async (step) =>
      [step, await source.samples(runId, step)] as const
    ),
  );
  return page(runId, {
    run: { ...run, config: withoutSecrets(run.config) },
    curves,
    samples: Object.fromEntries(samples.filter(([, found]) => found.length > 0)),
    evaluations: await source.evaluations(runId),
    events: await source.events(runId),
  });
}

/** Steps from 1 to the last, both of them, and evenly between. */
function spread(last: number, most: number): number[] {
  const count = Math.min(last, most);
  return Array.from(
    { length: count },
    (_, i) => count === 1 ? last : 1 + Math.round(i * (last - 1) / (count - 1)),
  );
}

function page(title: string, data: unknown): string {
  const assets = loadAssets();
  const text = (path: string) => assets.get(path)!.text;
  const style = text("/uplot.css") + text("/style.css");
  const drawing = text("/uplot.js");
  const script = linkScripts(scripts.map((name) => ({ name, text: text(`/${name}`) })));
  const body = /<body>([\s\S]*)<\/body>/.exec(text("/"))![1]!.trim();
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(drawing)} ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>${style}</style>
</head>
<body>
${body}
<script type="application/json" id="report">${embedded(data)}</script>
<script>${drawing}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** JSON that no text in it can end: HTML looks for "</script" and "<!--". */
function embedded(data: unknown): string {
  return JSON.stringify(data).replaceAll("<", "\\u003c");
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
