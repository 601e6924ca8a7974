// @ts-check
import { announce, el, refill } from "./dom.js";
import { duration, goesOn, number, stateName } from "./format.js";

/** @typedef {import("./api.js").Run} Run */

/** Columns of the list: title, what it sorts by, and what it shows. */
const columns =
  /** @type {{ key: string, title: string, by: (run: Run) => string | number, numeric?: true }[]} */ ([
    { key: "run", title: "run", by: ({ runId }) => runId },
    { key: "state", title: "state", by: ({ state }) => state },
    {
      key: "progress",
      title: "progress",
      by: ({ step, totalSteps }) => step / Math.max(1, totalSteps),
    },
    { key: "age", title: "age", by: ({ startedMs }) => -startedMs },
    ...[["reward", "env/reward_mean"], ["KL", "objective/kl"], ["toxicity", "env/toxicity"]].map((
      [title, name],
    ) => ({
      ...{ key: title, title, numeric: true },
      by: (/** @type {Run} */ { metrics }) => metrics[/** @type {string} */ (name)] ?? -Infinity,
    })),
  ]);
const kinds = /** @type {Record<string, (state: string) => boolean>} */ ({
  "all states": () => true,
  "in progress": goesOn,
  succeeded: (state) => state === "SUCCEEDED",
  "failed or interrupted": (state) => state === "FAILED" || state === "INTERRUPTED",
  stopped: (state) => state === "STOPPED",
});
/** What was searched and chosen, when the list is opened again. */
const kept = {
  text: "",
  kind: "all states",
  sort: "age",
  down: false,
  chosen: /** @type {Set<string>} */ (new Set()),
};

/** A run's state: a sign, a colour and a word. @param {string} state */
export function badge(state) {
  return el("span", { class: `badge ${stateName(state)}` }, stateName(state));
}

/** How far a run is. @param {Run} run */
export function progress({ step, totalSteps, runId }) {
  return el(
    "span",
    { class: "progress" },
    el("progress", {
      max: Math.max(1, totalSteps),
      value: step,
      "aria-label": `Progress of ${runId}`,
    }),
    el("span", {}, `${step} / ${totalSteps}`),
  );
}

/** The list of runs. */
export function runsView() {
  /** @type {Map<string, Run>} */
  const runs = new Map();
  const search = el("input", {
    type: "search",
    placeholder: "search  /",
    "aria-label": "Search runs",
    value: kept.text,
  });
  const kind = el(
    "select",
    { "aria-label": "States" },
    Object.keys(kinds).map((name) => el("option", { selected: name === kept.kind }, name)),
  );
  const compare = el("a", { class: "button main", role: "link", href: "#/" }, "Compare");
  const count = el("span", { class: "dim" });
  const heads = columns.map(({ key, title, numeric }) =>
    el(
      "th",
      { scope: "col", class: numeric && "numeric" },
      el("button", { type: "button", class: "sort", onclick: () => sortBy(key) }, title),
    )
  );
  const body = el("tbody");
  const node = el(
    "section",
    { "aria-labelledby": "runs" },
    el("h1", { id: "runs" }, "Runs"),
    el("div", { class: "tools" }, search, kind, count, el("span", { class: "gap" }), compare),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "List of runs" },
      el(
        "table",
        { class: "runs" },
        el("caption", { class: "unseen" }, "Runs, with the values of their last step"),
        el(
          "thead",
          {},
          el("tr", {}, el("td", {}, el("span", { class: "unseen" }, "compare")), heads),
        ),
        body,
      ),
    ),
  );
  /** @param {string} key */
  const sortBy = (key) => {
    kept.down = kept.sort === key ? !kept.down : false;
    kept.sort = key;
    draw();
    announce(`sorted by ${key}, ${kept.down ? "falling" : "rising"}`);
  };
  search.addEventListener("input", () => {
    kept.text = search.value;
    draw();
  });
  kind.addEventListener("change", () => {
    kept.kind = kind.value;
    draw();
  });
  const slash = (/** @type {KeyboardEvent} */ event) => {
    const typing = event.target instanceof HTMLElement &&
      /INPUT|SELECT|TEXTAREA/.test(event.target.tagName);
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    search.focus();
  };
  document.addEventListener("keydown", slash);

  const showChosen = () => {
    const chosen = [...kept.chosen].filter((id) => runs.has(id));
    compare.hidden = chosen.length === 0;
    compare.textContent = chosen.length < 2
      ? "Choose another run to compare"
      : `Compare ${chosen.length} runs`;
    if (chosen.length < 2) compare.removeAttribute("href");
    else compare.setAttribute("href", `#/compare/${chosen.map(encodeURIComponent).join("/")}`);
  };
  /** Rows are kept, so that neither focus nor reading place is lost when a run goes on. @type {Map<string, ReturnType<typeof row>>} */
  const rows = new Map();
  const draw = () => {
    const text = kept.text.trim().toLowerCase();
    const column = columns.find(({ key }) => key === kept.sort);
    const found = [...runs.values()]
      .filter(({ runId, state }) => runId.toLowerCase().includes(text) && kinds[kept.kind]?.(state))
      .sort((a, b) => {
        const [x, y] = [column?.by(a) ?? 0, column?.by(b) ?? 0];
        return (x < y ? -1 : x > y ? 1 : b.startedMs - a.startedMs) * (kept.down ? -1 : 1);
      });
    columns.forEach(({ key }, i) => {
      if (key === kept.sort) {
        heads[i]?.setAttribute("aria-sort", kept.down ? "descending" : "ascending");
      } else heads[i]?.removeAttribute("aria-sort");
    });
    count.textContent = found.length === runs.size
      ? `${runs.size} ${runs.size === 1 ? "run" : "runs"}`
      : `${found.length} of ${runs.size} runs`;
    const wanted = found.map((run) => {
      const one = rows.get(run.runId) ?? row(run, showChosen);
      rows.set(run.runId, one);
      one.show(run);
      return one.node;
    });
    if (
      wanted.some((node, i) => body.children[i] !== node) || body.children.length !== wanted.length
    ) {
      const focused = /** @type {HTMLElement | null} */ (body.contains(document.activeElement)
        ? document.activeElement
        : null);
      refill(body, wanted);
      focused?.focus();
    }
    if (runs.size === 0) {
      refill(
        body,
        el(
          "tr",
          {},
          el("td", { colspan: columns.length + 1, class: "dim" }, "No run is on record yet."),
        ),
      );
    }
    showChosen();
  };
  const ages = setInterval(draw, 10_000);
  return {
    node,
    title: "Runs",
    /** @param {Map<string, Run>} all */
    show(all) {
      runs.clear();
      for (const [id, run] of all) runs.set(id, run);
      draw();
    },
    drop() {
      clearInterval(ages);
      document.removeEventListener("keydown", slash);
    },
  };
}

/** @param {Run} first @param {() => void} chosen */
function row(first, chosen) {
  const { runId } = first;
  const box = el("input", {
    type: "checkbox",
    "aria-label": `Compare ${runId}`,
    checked: kept.chosen.has(runId),
    onchange: () => {
      if (box.checked) kept.chosen.add(runId);
      else kept.chosen.delete(runId);
      chosen();
    },
  });
  const cells = columns.slice(1).map(({ title, numeric }) =>
    el("td", { "data-title": title, class: numeric && "numeric" })
  );
  const node = el(
    "tr",
    {},
    el("td", { class: "box" }, el("label", {}, box)),
    el(
      "th",
      { scope: "row" },
      el("a", { href: `#/run/${encodeURIComponent(runId)}`, text: runId }),
    ),
    cells,
  );
  let shown = "";
  return {
    node,
    /** @param {Run} run */
    show(run) {
      const [state, steps, age, ...values] = cells;
      if (age) age.textContent = duration(Date.now() - run.startedMs);
      const text = JSON.stringify(run);
      if (text === shown) return;
      shown = text;
      if (state) refill(state, badge(run.state));
      if (steps) refill(steps, progress(run));
      const { metrics } = run;
      values.forEach((cell, i) => {
        cell.textContent = number(
          [metrics["env/reward_mean"], metrics["objective/kl"], metrics["env/toxicity"]][i],
        );
      });
    },
  };
}
