// @ts-check
import { api } from "./api.js";
import { chart } from "./chart.js";
import { append, el } from "./dom.js";

/** Metrics that come first, where a run has them. */
const FIRST = "The run at a glance";
const first = [
  ...["env/reward_mean", "objective/kl", "env/toxicity", "ppo/mean_scores"],
  ...[
    "tokens/responses_len_mean",
    "ppo/policy/entropy",
    "ppo/loss/total",
    "eval/toxicity_after",
    "eval/kl",
  ],
];
/** Points of a curve: more than a chart has pixels is of no use. */
const POINTS = 400;
/** Milliseconds between two looks at what has grown. */
const PAUSE_MS = 500;

/** Means of the terms of a reward. */
const TERM = /^rewards\/[^/]+\/mean$/;

/**
 * The group of a metric: what comes before its last part, as the field names them. All terms of a reward are one group.
 *
 * @param {string} name
 */
function groupOf(name) {
  const terms = /^(eval\/)?rewards(?=\/)/.exec(name);
  if (terms) return terms[0];
  const at = name.lastIndexOf("/");
  return at < 0 ? "other" : name.slice(0, at);
}

/**
 * Curves of one run, or of several over each other.
 *
 * @param {{ id: string, place: number, startedMs: number, names: readonly string[] }[]} runs
 */
export function curves(runs) {
  const look = { byTime: false, smoothing: 0 };
  const all = [...new Set(runs.flatMap(({ names }) => names))].sort();
  const filter = el("input", {
    type: "search",
    placeholder: "metric",
    "aria-label": "Show metrics whose names hold",
  });
  const smoothing = el("input", {
    type: "range",
    min: 0,
    max: 0.99,
    step: 0.01,
    value: 0,
    id: "smoothing",
  });
  const smoothingShown = el("output", { for: "smoothing" }, "0");
  const axis = (/** @type {boolean} */ byTime, /** @type {string} */ text) =>
    el(
      "label",
      { class: "choice" },
      el("input", {
        type: "radio",
        name: "axis",
        checked: !byTime,
        onchange: () => turn({ byTime }),
      }),
      el("span", {}, text),
    );
  const groups = el("div", { class: "groups" });
  const node = el(
    "section",
    { class: "curves", "aria-labelledby": "curves" },
    el("h2", { id: "curves" }, "Curves"),
    el(
      "div",
      { class: "tools" },
      el(
        "fieldset",
        { class: "choices" },
        el("legend", { class: "unseen" }, "Horizontal axis"),
        axis(false, "steps"),
        axis(true, "time"),
      ),
      el("label", { class: "slider", for: "smoothing" }, "smoothing", smoothing, smoothingShown),
      filter,
    ),
    groups,
  );

  const blocks = blocksOf(all).map(([title, names]) => block(title, names, runs, look));
  append(groups, blocks.map(({ node }) => node));
  if (all.length === 0) append(groups, el("p", { class: "dim" }, "No step has been taken yet."));

  /** @param {Partial<typeof look>} change */
  const turn = (change) => {
    Object.assign(look, change);
    for (const one of blocks) one.draw();
  };
  smoothing.addEventListener("input", () => {
    smoothingShown.textContent = smoothing.value;
    turn({ smoothing: Number(smoothing.value) });
  });
  filter.addEventListener("input", () => {
    const text = filter.value.trim().toLowerCase();
    for (const one of blocks) one.filter(text);
  });

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const stale = new Set();
  return {
    node,
    names: all,
    /** Draws what a run has become. @param {string} id */
    grow(id) {
      stale.add(id);
      waiting ??= setTimeout(async () => {
        const ids = [...stale];
        stale.clear();
        for (const one of blocks) await one.grow(ids);
        waiting = undefined;
        if (stale.size > 0) this.grow([...stale][0]);
      }, PAUSE_MS);
    },
    drop() {
      clearTimeout(waiting);
      for (const one of blocks) one.drop();
    },
  };
}

/** Groups in their order: the first of all, then by name. @param {string[]} all @returns {[string, string[]][]} */
function blocksOf(all) {
  const terms = all.filter((name) => TERM.test(name));
  const [reward, ...others] = first;
  // One term alone is the reward.
  const wanted = [reward, ...terms.length > 1 ? terms : [], ...others];
  const glance = wanted.filter((name) => name !== undefined && all.includes(name));
  const groups = Object.entries(Object.groupBy(all, groupOf)).sort(([a], [b]) => a < b ? -1 : 1);
  return /** @type {[string, string[]][]} */ ([
    ...(glance.length > 0 ? [[FIRST, glance]] : []),
    ...groups.map(([title, names]) => [title, names ?? []]),
  ]);
}

/**
 * The charts of one group. They are made, and their data is asked for, when the group is opened.
 *
 * @param {string} title
 * @param {string[]} names
 * @param {Parameters<typeof curves>[0]} runs
 * @param {{ byTime: boolean, smoothing: number }} look
 */
function block(title, names, runs, look) {
  const grid = el("div", { class: "charts" });
  const node = el(
    "details",
    { class: "group" },
    el("summary", {}, el("h3", {}, title), el("span", { class: "dim" }, `${names.length}`)),
    grid,
  );
  /** @type {Map<string, ReturnType<typeof chart>>} */
  const charts = new Map();
  /** @type {Map<string, import("./api.js").Curves>} */
  const data = new Map();
  let closedByFilter = false;

  const draw = () => {
    for (const [name, one] of charts) {
      const lines = runs.flatMap(({ id, place, startedMs }) => {
        const found = data.get(id);
        const curve = found?.curves.find((c) => c.name === name);
        if (!found || !curve || curve.mean.every((value) => value === null)) return [];
        const x = look.byTime ? found.unixMs.map((ms) => (ms - startedMs) / 1000) : found.steps;
        return [{ label: id, place, x, ...curve }];
      });
      if (lines.length > 0) one.show(lines, look);
    }
  };
  /** @param {readonly string[]} ids */
  const load = async (ids) => {
    await Promise.all(ids.map(async (id) => {
      const before = data.get(id);
      const from = before?.steps.at(-1);
      const found = await api.curves(id, {
        names,
        points: POINTS,
        ...(before && from !== undefined ? { from, width: before.width } : {}),
      });
      data.set(id, before && found.from > 1 ? joined(before, found) : found);
    }));
    draw();
  };
  const open = () => {
    if (charts.size > 0) return;
    for (const name of names) {
      const one = chart(name);
      charts.set(name, one);
      grid.append(one.node);
    }
    void load(runs.map(({ id }) => id)).catch(() => {});
  };
  node.addEventListener("toggle", () => node.open && open());
  node.open = title === FIRST || names.some((name) => name.startsWith("eval/"));

  return {
    node,
    draw,
    /** @param {readonly string[]} ids */
    async grow(ids) {
      // What cannot be read now is read with the next change: the page says that it waits.
      if (charts.size > 0) {
        await load(ids.filter((id) => runs.some((run) => run.id === id))).catch(() => {});
      }
    },
    /** @param {string} text */
    filter(text) {
      const found = names.filter((name) => name.toLowerCase().includes(text));
      node.hidden = found.length === 0 || (text !== "" && title === FIRST);
      if (text !== "" && found.length > 0 && !node.open) {
        closedByFilter = true;
        node.open = true;
      } else if (text === "" && closedByFilter) {
        closedByFilter = false;
        node.open = false;
      }
      open();
      for (const [name, { node }] of charts) node.hidden = !found.includes(name);
    },
    drop() {
      for (const one of charts.values()) one.drop();
    },
  };
}

/**
 * Curves with their end replaced by what has come.
 *
 * @param {import("./api.js").Curves} before
 * @param {import("./api.js").Curves} tail
 * @returns {import("./api.js").Curves}
 */
function joined(before, tail) {
  const end = before.steps.findIndex((step) => step >= tail.from);
  const at = end < 0 ? before.steps.length : end;
  /** @template T @param {readonly T[]} a @param {readonly T[]} b */
  const join = (a, b) => [...a.slice(0, at), ...b];
  return {
    ...{ width: before.width, from: before.from },
    steps: join(before.steps, tail.steps),
    unixMs: join(before.unixMs, tail.unixMs),
    curves: tail.curves.map((curve) => {
      const known = before.curves.find(({ name }) => name === curve.name) ??
        { ...curve, mean: [], min: [], max: [] };
      return {
        name: curve.name,
        mean: join(known.mean, curve.mean),
        min: join(known.min, curve.min),
        max: join(known.max, curve.max),
      };
    }),
  };
}
