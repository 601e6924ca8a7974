import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** One named line of a chart: a value for each step. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly step: number; readonly value: number }[];
}

const WIDTH = 340;
const HEIGHT = 170;

async function svg(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Lines over the steps of a run, as SVG. A horizontal rule marks `target` where there is one. */
export function lineChart(
  title: string,
  series: readonly Series[],
  target?: number,
): Promise<string> {
  const values = series.flatMap(({ name, points }) => points.map((p) => ({ name, ...p })));
  const line = {
    data: { values },
    mark: { type: "line" as const, strokeWidth: 1.5 },
    encoding: {
      x: { field: "step", type: "quantitative" as const, title: "step" },
      y: { field: "value", type: "quantitative" as const, title: null, scale: { zero: false } },
      color: {
        field: "name",
        type: "nominal" as const,
        title: null,
        legend: series.length > 1 ? { orient: "bottom" as const } : null,
      },
    },
  };
  const rule = {
    data: { values: [{ target }] },
    mark: { type: "rule" as const, strokeDash: [4, 4], color: "#888" },
    encoding: { y: { field: "target", type: "quantitative" as const } },
  };
  return svg({
    title,
    width: WIDTH,
    height: HEIGHT,
    layer: target === undefined ? [line] : [line, rule],
  });
}

/** Two overlaid histograms of values in [0, 1], as SVG. */
export function beforeAfterHistogram(
  title: string,
  before: readonly number[],
  after: readonly number[],
): Promise<string> {
  const values = [
    ...before.map((value) => ({ side: "before", value })),
    ...after.map((value) => ({ side: "after", value })),
  ];
  return svg({
    title,
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    mark: { type: "bar", opacity: 0.6, binSpacing: 0 },
    encoding: {
      x: { field: "value", bin: { step: 0.05, extent: [0, 1] }, title: "toxicity" },
      y: { aggregate: "count", stack: null, title: "responses" },
      color: {
        field: "side",
        type: "nominal",
        title: null,
        scale: { domain: ["before", "after"], range: ["#d95f02", "#1b9e77"] },
        legend: { orient: "bottom" },
      },
    },
  });
}
