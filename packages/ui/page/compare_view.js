// @ts-check
import { curves } from "./curves.js";
import { el, svg, table } from "./dom.js";
import { number } from "./format.js";
import { badge, progress } from "./runs_view.js";
import { differences } from "./settings.js";
import { lineStyle, onTheme } from "./theme.js";

/**
 * Several runs over each other, and what their settings differ in.
 *
 * @param {import("./api.js").RunDetail[]} runs
 */
export function compareView(runs) {
  const drawn = curves(
    runs.map(({ runId, startedMs, metricNames }, place) => ({
      id: runId,
      place,
      startedMs,
      names: metricNames,
    })),
  );
  const legend = el("ul", { class: "legend", "aria-label": "Lines of the runs" });
  const drawLegend = () =>
    legend.replaceChildren(
      ...runs.map(({ runId }, i) =>
        el(
          "li",
          {},
          swatch(i),
          el("a", { href: `#/run/${encodeURIComponent(runId)}`, text: runId }),
        )
      ),
    );
  drawLegend();
  const forget = onTheme(drawLegend);
  const different = differences(runs.map(({ runId, config }) => ({ id: runId, config })));
  const node = el(
    "article",
    { class: "run" },
    el("h1", {}, `${runs.length} runs`),
    legend,
    el(
      "section",
      { "aria-labelledby": "differences" },
      el("h2", { id: "differences" }, "What differs"),
      table("Runs beside each other", ["setting", ...runs.map(({ runId }) => runId)], [
        ["state", ...runs.map(({ state }) => badge(state))],
        ["progress", ...runs.map(progress)],
        ["reward", ...runs.map(({ metrics }) => number(metrics["env/reward_mean"]))],
        ["KL", ...runs.map(({ metrics }) => number(metrics["objective/kl"]))],
        ["toxicity", ...runs.map(({ metrics }) => number(metrics["env/toxicity"]))],
        ...different.map((
          { name, values },
        ) => [el("code", {}, name), ...values.map((value) => el("code", {}, value))]),
      ], { class: "differences" }),
      different.length === 0 && el("p", { class: "dim" }, "Their settings are the same."),
    ),
    drawn.node,
  );
  /** @type {Map<string, number>} */
  const steps = new Map(runs.map(({ runId, step }) => [runId, step]));
  return {
    node,
    title: runs.map(({ runId }) => runId).join(", "),
    /** @param {Map<string, import("./api.js").Run>} all */
    show(all) {
      for (const [id, step] of steps) {
        const now = all.get(id)?.step ?? step;
        if (now === step) continue;
        steps.set(id, now);
        drawn.grow(id);
      }
    },
    drop() {
      forget();
      drawn.drop();
    },
  };
}

/** A piece of the line of run `i`. @param {number} i */
function swatch(i) {
  const { colour, dash } = lineStyle(i);
  const line = {
    x1: 0,
    x2: 32,
    y1: 6,
    y2: 6,
    stroke: colour,
    "stroke-width": 3,
    "stroke-dasharray": dash.join(" "),
  };
  return svg("svg", { width: 32, height: 12, "aria-hidden": "true" }, svg("line", line));
}
