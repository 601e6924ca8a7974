// @ts-check
import { el, refill, table } from "./dom.js";
import { duration, number } from "./format.js";
import { colourOf, lineStyle, onTheme } from "./theme.js";

/** uPlot, which the page loads before this: https://github.com/leeoniya/uPlot */
const uPlot = /** @type {typeof import("uplot")} */ (/** @type {any} */ (globalThis).uPlot);

/**
 * @typedef {object} Line one metric of one run
 * @property {string} label
 * @property {number} place decides on colour and dashes
 * @property {number[]} x steps, or seconds since the run's start
 * @property {(number | null)[]} mean
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 *
 * @typedef {{ byTime: boolean, smoothing: number }} Look
 */

const HEIGHT = 190;
/** Rows of a chart's table. */
const MOST_ROWS = 40;
/** Lines of a chart up to which the lowest and the highest of each point are drawn. */
const MOST_BANDS = 3;
/** All charts show the same place of the x axis. */
const together = uPlot.sync("curves");

/**
 * A chart of one metric, with the numbers beside it, and a table for those who do not see it.
 *
 * @param {string} name
 */
export function chart(name) {
  const readout = el("span", { class: "readout" });
  const plot = el("div", { class: "plot", role: "img" });
  const rows = el("div");
  const details = el("details", { class: "numbers" }, el("summary", {}, "Table"), rows);
  const node = el(
    "figure",
    { class: "chart", "data-metric": name },
    el("figcaption", {}, el("span", { class: "metric" }, name), readout),
    plot,
    details,
  );
  /** @type {import("uplot") | undefined} */
  let drawn;
  let shape = "";
  /** @type {Line[]} */
  let lines = [];
  /** @type {Look} */
  let look = { byTime: false, smoothing: 0 };

  /** @param {number | null | undefined} at an index of the drawn points; null: the last values */
  const read = (at) => {
    const shown = lines.map(({ label, place, x, mean }) => {
      const wanted = at === null || at === undefined ? undefined : drawn?.data[0]?.[at];
      const i = wanted === undefined ? lastOf(mean) : x.indexOf(wanted);
      return { label, place, x: x[i], value: mean[i] };
    });
    const x = shown.find((one) => one.x !== undefined)?.x;
    refill(
      readout,
      shown.flatMap(({ value, place }) =>
        value === undefined || value === null
          ? []
          : [el("b", { class: `run-${place % 7}` }, number(value))]
      ),
      at === null || at === undefined || x === undefined
        ? null
        : el("small", {}, look.byTime ? duration(1000 * x) : `step ${x}`),
    );
  };

  const describe = () => {
    const parts = lines.map(({ label, x, mean, min, max }) => {
      const i = lastOf(mean);
      if (i < 0) return `${label}: no values yet`;
      return `${label}: ${number(mean[i])} at ${
        look.byTime ? duration(1000 * (x[i] ?? 0)) : `step ${x[i]}`
      }, ` +
        `from ${number(least(min))} to ${
          number(-least(max.map((v) => v === null ? null : -v)))
        } so far`;
    });
    plot.setAttribute("aria-label", `${name}. ${parts.join(". ")}`);
    read(null);
    if (details.open) fillTable();
  };
  const fillTable = () => refill(rows, tableOf(name, lines, look));
  details.addEventListener("toggle", () => details.open && fillTable());

  const draw = () => {
    const { data, series, bands } = drawing(lines, look);
    const wanted = JSON.stringify([
      lines.map(({ label, place }) => [label, place]),
      series.length,
      look.byTime,
    ]);
    if (drawn && wanted === shape) {
      const { min, max } = /** @type {import("uplot").Scale} */ (drawn.scales["x"]);
      const before = drawn.data[0];
      const whole = min === before?.[0] && max === before?.[before.length - 1];
      drawn.setData(data, whole);
      if (!whole) drawn.redraw();
      return;
    }
    shape = wanted;
    drawn?.destroy();
    drawn = new uPlot(options(plot.clientWidth || 320, series, bands, look, read), data, plot);
  };
  const again = () => {
    shape = "";
    if (lines.length > 0) draw();
  };
  const forget = onTheme(again);
  const sized = new ResizeObserver(() => {
    if (drawn && plot.clientWidth > 0 && drawn.width !== plot.clientWidth) {
      drawn.setSize({ width: plot.clientWidth, height: HEIGHT });
    }
  });
  sized.observe(plot);

  return {
    node,
    /** @param {Line[]} nextLines @param {Look} nextLook */
    show(nextLines, nextLook) {
      const turned = nextLook.byTime !== look.byTime ||
        nextLook.smoothing > 0 !== look.smoothing > 0;
      lines = nextLines;
      look = nextLook;
      if (turned) shape = "";
      draw();
      describe();
    },
    drop() {
      forget();
      sized.disconnect();
      drawn?.destroy();
    },
  };
}

/**
 * What uPlot draws: for each run the mean, the lowest and highest of its points, and what was smoothed away.
 *
 * @param {Line[]} lines
 * @param {Look} look
 */
function drawing(lines, { smoothing }) {
  const banded = lines.length <= MOST_BANDS;
  /** @type {import("uplot").AlignedData[]} */
  const tables = [];
  /** @type {import("uplot").Series[]} */
  const series = [{}];
  /** @type {import("uplot").Band[]} */
  const bands = [];
  for (const { label, place, x, mean, min, max } of lines) {
    const { colour, dash } = lineStyle(place);
    const sparse = mean.filter((value) => value !== null).length < mean.length / 2;
    const common = { label, spanGaps: sparse };
    const columns = [];
    if (banded) {
      const at = series.length;
      series.push(
        { ...common, stroke: "transparent", width: 0, points: { show: false } },
        { ...common, stroke: "transparent", width: 0, points: { show: false } },
      );
      bands.push({ series: [at + 1, at], fill: `${colour}26` });
      columns.push(min, max);
    }
    if (smoothing > 0) {
      series.push({ ...common, stroke: `${colour}55`, width: 1, points: { show: false } });
      columns.push(mean);
    }
    series.push({
      ...common,
      ...{ stroke: colour, width: 2, dash },
      points: sparse || mean.length < 3 ? { show: true, size: 6, fill: colour } : { show: false },
    });
    columns.push(smoothing > 0 ? smoothed(mean, smoothing) : mean);
    tables.push(/** @type {import("uplot").AlignedData} */ ([x, ...columns]));
  }
  const data = tables.length === 1 ? tables[0] : uPlot.join(tables);
  return { data: /** @type {import("uplot").AlignedData} */ (data ?? [[]]), series, bands };
}

/**
 * @param {number} width
 * @param {import("uplot").Series[]} series
 * @param {import("uplot").Band[]} bands
 * @param {Look} look
 * @param {(at: number | null | undefined) => void} read
 * @returns {import("uplot").Options}
 */
function options(width, series, bands, { byTime }, read) {
  const axis = {
    stroke: colourOf("--dim"),
    grid: { stroke: colourOf("--grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    ...{ width, height: HEIGHT, series, bands, padding: [8, 8, 0, 0] },
    scales: { x: { time: false } },
    legend: { show: false },
    cursor: { sync: { key: together.key }, y: false, points: { size: 7 } },
    axes: [
      {
        ...axis,
        size: 26,
        values: (_, splits) => splits.map((x) => byTime ? duration(1000 * x) : number(x)),
      },
      { ...axis, size: 52, values: (_, splits) => splits.map((y) => number(y)) },
    ],
    hooks: {
      setCursor: [
        (u) => read(u.cursor.left !== undefined && u.cursor.left < 0 ? null : u.cursor.idx),
      ],
    },
  };
}

/**
 * An exponential moving average with the bias of its beginning taken out, as TensorBoard's.
 *
 * @param {(number | null)[]} values
 * @param {number} weight of what was before, 0 to 1
 */
function smoothed(values, weight) {
  let sum = 0;
  let share = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return sum / share;
  });
}

/** @param {string} name @param {Line[]} lines @param {Look} look */
function tableOf(name, lines, { byTime }) {
  const steps = [...new Set(lines.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const every = Math.max(1, Math.ceil(steps.length / MOST_ROWS));
  const shown = steps.filter((_, i) => (steps.length - 1 - i) % every === 0);
  const heads = [byTime ? "time" : "step", ...lines.map(({ label }) => label)];
  return table(
    `${name}, ${shown.length} of ${steps.length} points`,
    heads,
    shown.map((step) => [
      byTime ? duration(1000 * step) : String(step),
      ...lines.map(({ x, mean }) => number(mean[x.indexOf(step)])),
    ]),
  );
}

/** @param {(number | null)[]} values */
function lastOf(values) {
  return values.findLastIndex((value) => value !== null);
}

/** @param {(number | null)[]} values */
function least(values) {
  return values.reduce(
    (low, value) => value === null ? low : Math.min(Number(low), value),
    Infinity,
  ) ?? NaN;
}
