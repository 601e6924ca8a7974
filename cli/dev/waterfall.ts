import type { SpanNode } from "@decorum/telemetry";
import { ownTimes, type Row, rowsOf } from "./rows.ts";

export interface WaterfallOptions {
  /** Characters of a line. */
  readonly width: number;
  /** ANSI colours, one a service. */
  readonly colour: boolean;
  /** True: each span has its line; else siblings of one name share theirs. */
  readonly full: boolean;
}

const colours = [36, 33, 35, 32, 34];
const red = 31;
/** Characters of a service's name, and of a duration. */
const NAME = 9;
const TIME = 9;

/** A trace as text: a line a span, with its service, its duration and a bar where it ran. */
export function waterfall(root: SpanNode, options: WaterfallOptions): string {
  const rows = rowsOf(root, options.full);
  const total = Math.max(...rows.flatMap(({ spans }) => spans.map(([, end]) => end)), 0.001);
  const labels = rows.map(({ depth, label }) => "  ".repeat(depth) + label);
  const widest = Math.max(...labels.map((label) => label.length));
  const bar = Math.max(16, options.width - NAME - TIME - widest - 4);
  const services = [...new Set(rows.map(({ service }) => service))];
  const paint = (text: string, code: number) =>
    options.colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const lines = rows.flatMap((row, i) => {
    const colour = colours[services.indexOf(row.service) % colours.length]!;
    const time = duration(sum(row)).padStart(TIME);
    const name = paint(row.service.padEnd(NAME), colour);
    const drawn = paint(barOf(row, total, bar), row.error === undefined ? colour : red);
    const line = `${name} ${labels[i]!.padEnd(widest)} ${time}  ${drawn}`.trimEnd();
    if (row.error === undefined) return [line];
    const indent = " ".repeat(NAME + 1 + 2 * row.depth);
    return [line, paint(`${indent}✗ ${oneLine(row.error)}`, red)];
  });
  return [titleOf(root, rows), ...lines, shares(root)].join("\n") + "\n";
}

/** A trace in one line: for those that nobody asked about. */
export function titleOf(root: SpanNode, rows: readonly Row[] = rowsOf(root)): string {
  const count = rows.reduce((n, { spans }) => n + spans.length, 0);
  const run = root.attributes["decorum.run_id"];
  return [
    `── ${root.name.replace(/^[\w.]+\.(\w+)\//, "$1/")}`,
    ...(run === undefined ? [] : [`step ${root.attributes["decorum.step"]} of run ${run}`]),
    duration(Number(root.end - root.start) / 1e6),
    `${count} span${count === 1 ? "" : "s"}`,
    `trace ${root.traceId}`,
  ].join(" · ");
}

/** "trainer 1.2 s, policy 0.8 s": own time of each service, the most first. */
function shares(root: SpanNode): string {
  const times = [...ownTimes(root)].filter(([, ms]) => ms >= 0.05).toSorted((a, b) => b[1] - a[1]);
  return `own time: ${times.map(([service, ms]) => `${service} ${duration(ms)}`).join(", ")}`;
}

/** Eighths of a character, so that short spans can be told from none. */
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

function barOf({ spans }: Row, total: number, width: number): string {
  const filled = new Float64Array(width);
  for (const [start, end] of spans) {
    const from = start / total * width;
    const to = Math.max(end / total * width, from);
    for (let cell = Math.floor(from); cell < Math.min(width, Math.max(to, from + 0.01)); cell++) {
      filled[cell]! += Math.max(0, Math.min(to, cell + 1) - Math.max(from, cell));
      if (filled[cell]! < 1 / 8) filled[cell] = 1 / 8;
    }
  }
  return [...filled].map((share) => eighths[Math.min(8, Math.round(share * 8))] || " ").join("");
}

function sum({ spans }: Row): number {
  return spans.reduce((ms, [start, end]) => ms + end - start, 0);
}

/** "0.4 ms", "37 ms", "1.27 s". */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

function oneLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, " ");
  return flat.length > 160 ? flat.slice(0, 159) + "…" : flat;
}
