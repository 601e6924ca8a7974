import type { SpanNode } from "@decorum/telemetry";
import { duration, titleOf } from "./waterfall.ts";
import { rowsOf } from "./rows.ts";

/** Traces as JSON: nested spans, times in nanoseconds since 1970 as text. */
export function tracesJson(traces: readonly SpanNode[]): string {
  const plain = (_: string, value: unknown) => typeof value === "bigint" ? `${value}` : value;
  return JSON.stringify(traces, plain, 2) + "\n";
}

const style = `body{font:13px/1.5 system-ui,sans-serif;margin:2em;max-width:1200px}
summary{cursor:pointer;font-weight:600}details{margin:.6em 0}
.r{display:grid;grid-template-columns:6em 22em 6em 1fr;gap:.6em;white-space:nowrap}
.r:hover{background:#8881}.l{overflow:hidden;text-overflow:ellipsis}.t{text-align:right}
.b{position:relative;height:1.1em;margin-top:.2em}
.b i{position:absolute;top:0;bottom:0;min-width:1px;background:var(--c);border-radius:1px}
.e{color:#c22;padding-left:7em}`;
const colours = ["#2a9d8f", "#e9a23b", "#8e5bd0", "#4c8df5", "#7a8b99"];

/** Traces as one page that needs nothing else: the newest is open. */
export function tracesHtml(traces: readonly SpanNode[]): string {
  const services: string[] = [];
  const parts = traces.map((root, i) => {
    const rows = rowsOf(root);
    const total = Math.max(...rows.flatMap(({ spans }) => spans.map(([, end]) => end)), 0.001);
    const lines = rows.map(({ depth, service, label, spans, error }) => {
      if (!services.includes(service)) services.push(service);
      const colour = error === undefined
        ? colours[services.indexOf(service) % colours.length]
        : "#c22";
      const percent = (ms: number) => `${(ms / total * 100).toFixed(2)}%`;
      const bars = spans.map(([start, end]) =>
        `<i style="left:${percent(start)};width:${percent(end - start)}" title="${
          duration(end - start)
        }"></i>`
      );
      const time = duration(spans.reduce((ms, [start, end]) => ms + end - start, 0));
      return `<div class="r"><span>${
        escape(service)
      }</span><span class="l" style="padding-left:${depth}em">${
        escape(label)
      }</span><span class="t">${time}</span><div class="b" style="--c:${colour}">${
        bars.join("")
      }</div></div>` + (error === undefined ? "" : `<div class="e">✗ ${escape(error)}</div>`);
    });
    const open = i === traces.length - 1 ? " open" : "";
    return `<details${open}><summary>${escape(titleOf(root, rows))}</summary>${
      lines.join("\n")
    }</details>`;
  });
  return `<!doctype html><meta charset="utf-8"><title>Decorum traces</title><style>${style}</style>
<h1>Traces</h1>\n${parts.join("\n")}\n`;
}

function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
}
