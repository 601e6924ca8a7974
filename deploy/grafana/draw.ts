import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { DashboardSpec, PanelSpec } from "./panel.ts";

/** One line of a panel: its name and its values at times in milliseconds. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [ms: number, value: number])[];
}

/** What the queries of a panel gave; undefined for a panel that cannot be drawn. */
export type PanelData = readonly Line[] | undefined;

const COLUMN = 60;
const GAP = 8;
const HEADING = 30;
const PANEL_HEIGHT = { timeseries: 250, stat: 96, logs: 250, traces: 250 } as const;
const MOST_LINES = 12;

/** A dashboard with its data as PNG: the panels where Grafana puts them, in a likeness of its colours. */
export async function drawDashboard(
  spec: DashboardSpec,
  data: (panel: PanelSpec) => PanelData,
): Promise<Uint8Array> {
  const parts: string[] = [];
  let y = 46;
  for (const row of spec.rows) {
    parts.push(text(GAP, y + 20, row.title, 15, "#ccccdc", "bold"));
    y += HEADING;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      if (x + panel.width > 24) {
        [x, y] = [0, y + height + GAP];
        height = 0;
      }
      parts.push(await drawPanel(panel, data(panel), x * COLUMN, y));
      x += panel.width;
      height = Math.max(height, PANEL_HEIGHT[panel.kind]);
    }
    y += height + GAP;
  }
  const width = 24 * COLUMN + GAP;
  const title = text(GAP, 30, spec.title, 20, "#ccccdc", "bold");
  const background = `<rect width="${width}" height="${y}" fill="#111217"/>`;
  return await png(svg(0, 0, width, y, background + title + parts.join("")));
}

async function drawPanel(panel: PanelSpec, data: PanelData, x: number, y: number): Promise<string> {
  const width = panel.width * COLUMN - GAP;
  const height = PANEL_HEIGHT[panel.kind];
  const frame =
    `<rect width="${width}" height="${height}" rx="3" fill="#181b1f" stroke="#2c3235"/>` +
    text(10, 18, panel.title, 12, "#ccccdc", "bold");
  const inner = data === undefined || data.length === 0
    ? text(
      10,
      60,
      data === undefined ? "(not drawn: no Prometheus panel)" : "No data",
      13,
      "#8e8e8e",
    )
    : panel.kind === "stat"
    ? number(shown(data[0]!.points.at(-1)?.[1] ?? NaN, panel.unit))
    : await chart(panel, data, width, height);
  return svg(x + GAP, y, width, height, frame + inner);
}

async function chart(panel: PanelSpec, lines: readonly Line[], width: number, height: number) {
  const values = lines.slice(0, MOST_LINES).flatMap(({ name, points }) =>
    points.filter(([, value]) => Number.isFinite(value)).map(([ms, value]) => ({
      name: short(name),
      ms,
      value,
    }))
  );
  const format = panel.unit === "percentunit" ? ".0%" : "~s";
  const domain: Record<string, number> = {};
  if (panel.min !== undefined) domain["domainMin"] = panel.min;
  if (panel.max !== undefined) domain["domainMax"] = panel.max;
  else if (values.every(({ value }) => value === panel.min)) domain["domainMax"] = panel.min! + 1;
  const spec: TopLevelSpec = {
    width: width - 74,
    height: height - 96,
    background: "transparent",
    data: { values },
    mark: panel.stacked
      ? { type: "area", opacity: 0.6, line: true, clip: true }
      : { type: "line", strokeWidth: 1.8, clip: true },
    encoding: {
      x: { field: "ms", type: "temporal", title: null, axis: { format: "%H:%M:%S", tickCount: 4 } },
      y: {
        field: "value",
        type: "quantitative",
        title: null,
        stack: panel.stacked ? "zero" : null,
        scale: { zero: false, ...domain },
        axis: { format, tickCount: 5 },
      },
      color: {
        field: "name",
        type: "nominal",
        title: null,
        legend: { orient: "bottom", columns: width > 600 ? 3 : 2, labelLimit: width / 2 - 60 },
      },
    },
    config: {
      axis: {
        labelColor: "#9fa7b3",
        gridColor: "#26292e",
        domainColor: "#2c3235",
        tickColor: "#2c3235",
      },
      legend: { labelColor: "#ccccdc" },
      view: { stroke: null },
      font: "DejaVu Sans",
    },
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    const drawn = await view.toSVG();
    return drawn.replace("<svg ", `<svg x="6" y="26" `);
  } finally {
    view.finalize();
  }
}

function number(what: string): string {
  return text(10, 66, what, Math.min(30, 240 / what.length), "#73bf69", "bold");
}

/** Methods without their packages. */
function short(name: string): string {
  return name.replaceAll(/[a-z]\w*(\.\w+)*\.(\w+)\//g, "$2/");
}

/** A number with its unit, as Grafana shows it. */
function shown(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "No data";
  if (unit === "percentunit") return `${(value * 100).toFixed(1)} %`;
  if (unit === "s") {
    if (value > 86_400) return `${(value / 86_400).toFixed(1)} days`;
    return value > 90 ? `${(value / 60).toFixed(1)} min` : `${value.toFixed(2)} s`;
  }
  return `${Math.abs(value) >= 100 ? value.toFixed(0) : +value.toFixed(3)}${
    unit === "reqps" ? " req/s" : ""
  }`;
}

function text(x: number, y: number, what: string, size: number, fill: string, weight = "normal") {
  const escaped = what.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" font-family="DejaVu Sans" font-size="${size}" fill="${fill}" font-weight="${weight}">${escaped}</text>`;
}

function svg(x: number, y: number, width: number, height: number, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" x="${x}" y="${y}" width="${width}" height="${height}">${body}</svg>`;
}

let ready: Promise<Uint8Array[]> | undefined;

async function png(drawing: string): Promise<Uint8Array> {
  ready ??= load();
  const fontBuffers = await ready;
  const font = { fontBuffers, defaultFontFamily: "DejaVu Sans" };
  return new Resvg(drawing, { font }).render().asPng();
}

/** The renderer, and the fonts it draws with. */
async function load(): Promise<Uint8Array[]> {
  const require = createRequire(import.meta.url);
  await initWasm(await readFile(require.resolve("@resvg/resvg-wasm/index_bg.wasm")));
  const fonts = join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf");
  return await Promise.all(
    ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((name) => readFile(join(fonts, name))),
  );
}
