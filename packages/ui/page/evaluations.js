// @ts-check
import { api } from "./api.js";
import { el, refill, svg, table } from "./dom.js";
import { number } from "./format.js";

/**
 * What evaluations measured: with which certainty, and responses before and after beside each other.
 *
 * @param {string} id
 */
export function evaluations(id) {
  const body = el("div");
  const node = el(
    "section",
    { "aria-labelledby": "evaluations" },
    el("h2", { id: "evaluations" }, "Evaluations"),
    body,
  );
  let shown = "";
  const show = async () => {
    const found = await api.evaluations(id);
    const text = JSON.stringify(found);
    if (text === shown) return;
    shown = text;
    refill(
      body,
      found.length > 0 ? contents(found) : el(
        "p",
        { class: "dim" },
        "None is on record. Set evaluate.every_steps to measure held-out prompts while training.",
      ),
    );
  };
  void show().catch(() => {});
  return { node, grow: () => void show().catch(() => {}) };
}

/** @param {import("./api.js").EvaluationRow[]} found */
function contents(found) {
  const all = found.flatMap(({ step, result }) => [
    ...judged(step, "reward model", result.toxicity),
    ...judged(step, "independent judge", result.judge),
  ]);
  const ends = all.flatMap(({ c }) => c.ci95 ?? []);
  const most = Math.max(1, ...ends.map(Math.abs));
  const sides = (/** @type {{ before: number, after: number }} */ { before, after }) =>
    `${number(before)} → ${number(after)}`;
  return [
    table(
      "Toxicity before and after",
      ["step", "judged by", "prompts", "before", "after", "fell by", "95 % interval", "zero"],
      all.map(({ step, by, c }) => [
        String(step),
        by,
        String(c.n),
        `${number(c.before.mean)} ± ${number(c.before.std)}`,
        `${number(c.after.mean)} ± ${number(c.after.std)}`,
        c.improvement_pct === null ? "–" : `${c.improvement_pct.toFixed(1)} %`,
        c.ci95
          ? el(
            "span",
            { class: "interval" },
            interval(c.ci95, c.improvement_pct ?? 0, most),
            `${c.ci95[0].toFixed(1)} to ${c.ci95[1].toFixed(1)} %`,
          )
          : "–",
        c.ci95 ? verdict(c.ci95, "less toxic", "more toxic") : "–",
      ]),
      { class: "figures" },
    ),
    rewards(found),
    table(
      "Beside toxicity",
      ["step", "KL (nats a response)", "distinct-2", "ROUGE-L", "tokens of a response"],
      found.map(({ step, result }) => [
        String(step),
        number(result.kl),
        sides(result.distinct2),
        result.rouge_l ? sides(result.rouge_l) : "no references",
        sides({ before: result.length.before.mean, after: result.length.after.mean }),
      ]),
      { class: "figures" },
    ),
    histogram(found),
    ...beforeAfter(found),
  ];
}

/** @param {number} step @param {string} by @param {import("./api.js").Comparison | null} c */
function judged(step, by, c) {
  return c ? [{ step, by, c }] : [];
}

/** Each term of the reward, and their sum, where an evaluation has them. @param {import("./api.js").EvaluationRow[]} found */
function rewards(found) {
  const all = found.flatMap(({ step, result: { rewards, reward } }) => [
    ...rewards.map((c) => ({ step, what: c.name, c })),
    ...(rewards.length > 1 && reward ? [{ step, what: "weighted sum", c: reward }] : []),
  ]);
  if (all.length === 0) return null;
  const moments = (/** @type {import("./api.js").Moments | null} */ side) =>
    side ? `${number(side.mean)} ± ${number(side.std)}` : "–";
  return table(
    "Terms of the reward before and after",
    ["step", "reward", "prompts", "before", "after", "change", "95 % interval", "zero"],
    all.map(({ step, what, c: { n, before, after, difference, ci95 } }) => [
      ...[String(step), what, String(n), moments(before), moments(after)],
      number(difference),
      ci95
        ? el(
          "span",
          { class: "interval" },
          interval(ci95, difference ?? 0, Math.max(...ci95.map(Math.abs))),
          `${number(ci95[0])} to ${number(ci95[1])}`,
        )
        : "–",
      ci95 ? verdict(ci95, "more", "less") : "–",
    ]),
    { class: "figures" },
  );
}

/** @param {[number, number]} ends @param {string} above @param {string} below what zero outside of it means */
function verdict([low, high], above, below) {
  return low > 0
    ? el("span", { class: "good" }, `✓ outside: ${above}`)
    : high < 0
    ? el("span", { class: "bad" }, `✗ outside: ${below}`)
    : el("span", { class: "dim" }, "○ inside: no difference shown");
}

/**
 * The interval on an axis on which zero is in the middle.
 *
 * @param {[number, number]} ends
 * @param {number} middle what was measured
 * @param {number} most end of the axis
 */
function interval([low, high], middle, most) {
  const x = (/** @type {number} */ value) => 60 + 56 * value / (most || 1);
  return svg(
    "svg",
    { class: "whisker", viewBox: "0 0 120 16", width: 120, height: 16, "aria-hidden": "true" },
    svg("line", { x1: 60, x2: 60, y1: 0, y2: 16, class: "zero" }),
    svg("line", { x1: x(low), x2: x(high), y1: 8, y2: 8, class: "range" }),
    svg("circle", { cx: x(middle), cy: 8, r: 3.5, class: "mean" }),
  );
}

/** Bins of a histogram of toxicities, which are between 0 and 1. */
const BINS = 20;

/** How many responses of the last evaluation are how toxic. @param {import("./api.js").EvaluationRow[]} found */
function histogram(found) {
  const last = found.at(-1);
  if (!last || last.result.toxicities.before.length === 0) return null;
  const { before, after } = last.result.toxicities;
  const count = (/** @type {number[]} */ values) => {
    const bins = new Array(BINS).fill(0);
    for (const value of values) bins[Math.min(BINS - 1, Math.floor(value * BINS))]++;
    return bins;
  };
  const bins = { before: count(before), after: count(after) };
  const most = Math.max(...bins.before, ...bins.after);
  const bars = (/** @type {"before" | "after"} */ side, /** @type {number} */ offset) =>
    bins[side].map((n, i) =>
      svg("rect", {
        ...{ class: side, x: 6 + 30 * i + offset, width: 12 },
        ...{ y: 130 - 120 * n / most, height: 120 * n / most },
      })
    );
  const text = (
    /** @type {number} */ x,
    /** @type {string} */ anchor,
    /** @type {string} */ words,
  ) => {
    const label = svg("text", { x, y: 148, "text-anchor": anchor });
    label.textContent = words;
    return label;
  };
  const share = (/** @type {number} */ i) =>
    `${(i / BINS).toFixed(2)} to ${((i + 1) / BINS).toFixed(2)}`;
  return el(
    "figure",
    { class: "chart wide" },
    el(
      "figcaption",
      {},
      el("span", { class: "metric" }, `Toxicity of ${before.length} responses, step ${last.step}`),
      el(
        "span",
        { class: "readout" },
        el("span", { class: "before" }, "▨ before"),
        el("span", { class: "after" }, "■ after"),
      ),
    ),
    svg(
      "svg",
      {
        class: "histogram",
        viewBox: "0 0 606 154",
        role: "img",
        "aria-label": "Histogram of toxicities before and after; the table below has its numbers",
      },
      svg("line", { x1: 0, x2: 606, y1: 130.5, y2: 130.5, class: "zero" }),
      ...bars("before", 0),
      ...bars("after", 13),
      text(4, "start", "0"),
      text(303, "middle", "0.5"),
      text(602, "end", "1"),
    ),
    el(
      "details",
      { class: "numbers" },
      el("summary", {}, "Table"),
      table(
        "Responses by their toxicity",
        ["toxicity", "before", "after"],
        bins.before.map((n, i) => [share(i), String(n), String(bins.after[i])]),
      ),
    ),
  );
}

/** The samples of an evaluation, which can be chosen. @param {import("./api.js").EvaluationRow[]} found */
function beforeAfter(found) {
  const withSamples = found.filter(({ result }) => result.samples.length > 0);
  if (withSamples.length === 0) return [];
  const list = el("div", { class: "samples" });
  const show = (/** @type {number} */ i) =>
    refill(list, (withSamples[i]?.result.samples ?? []).map(pair));
  const choice = el(
    "select",
    { id: "evaluated", onchange: () => show(choice.selectedIndex) },
    withSamples.map(({ step }) => el("option", {}, `after step ${step}`)),
  );
  choice.selectedIndex = withSamples.length - 1;
  show(withSamples.length - 1);
  return [
    el(
      "div",
      { class: "tools" },
      el("h3", {}, "Before and after"),
      el("label", { for: "evaluated", class: "unseen" }, "Evaluation"),
      choice,
    ),
    list,
  ];
}

/** @param {import("./api.js").EvaluationSample} sample */
function pair({ prompt, before, after, ...scores }) {
  const side = (
    /** @type {string} */ name,
    /** @type {string} */ text,
    /** @type {number} */ toxicity,
    /** @type {Record<string, number>} */ terms,
  ) =>
    el(
      "div",
      { class: "text" },
      el("h3", {}, name),
      text === "" ? el("p", { class: "dim" }, "(empty)") : el("p", { text }),
      el(
        "p",
        { class: "dim" },
        [["toxicity", toxicity], ...Object.entries(terms)]
          .map(([what, value]) => `${what} ${number(Number(value))}`).join(", "),
      ),
    );
  return el(
    "article",
    { class: "sample pair" },
    el("div", { class: "text prompt" }, el("h3", {}, "Prompt"), el("p", { text: prompt.trim() })),
    side("Before", before, scores.toxicity_before, scores.rewards_before),
    side("After", after, scores.toxicity_after, scores.rewards_after),
  );
}
