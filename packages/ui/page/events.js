// @ts-check
import { api } from "./api.js";
import { el, refill } from "./dom.js";
import { moment } from "./format.js";

/** Kinds of events, and what is before each. */
const kinds = /** @type {const} */ ({
  state: ["●", "states"],
  service: ["⇄", "waits and policies"],
  note: ["!", "notes"],
  checkpoint: ["▣", "checkpoints"],
  push: ["↑", "pushes"],
});

/**
 * What happened in a run, the newest first.
 *
 * @param {string} id
 */
export function events(id) {
  const shown = new Set(["state", "service", "note", "checkpoint"]);
  const list = el("ol", { class: "events" });
  /** @type {import("./api.js").EventRow[]} */
  let all = [];
  const draw = () => {
    const found = all.filter(({ kind }) => shown.has(kind)).reverse();
    refill(
      list,
      found.length > 0
        ? found.map(row)
        : el("li", { class: "dim" }, "Nothing of these kinds is on record."),
    );
  };
  const node = el(
    "section",
    { "aria-labelledby": "events" },
    el("h2", { id: "events" }, "Events"),
    el(
      "fieldset",
      { class: "tools" },
      el("legend", { class: "unseen" }, "Kinds of events"),
      Object.entries(kinds).map(([kind, [sign, name]]) =>
        el(
          "label",
          { class: "check" },
          el("input", {
            type: "checkbox",
            checked: shown.has(kind),
            onchange: (/** @type {Event} */ { target }) => {
              if (/** @type {HTMLInputElement} */ (target).checked) shown.add(kind);
              else shown.delete(kind);
              draw();
            },
          }),
          `${sign} ${name}`,
        )
      ),
    ),
    el("div", {
      class: "scroll tall",
      tabindex: 0,
      role: "region",
      "aria-label": "Events, the newest first",
    }, list),
  );
  const show = async () => {
    all = await api.events(id);
    draw();
  };
  void show().catch(() => {});
  return { node, grow: () => void show().catch(() => {}) };
}

/** @param {import("./api.js").EventRow} event */
function row({ step, unixMs, kind, message }) {
  const [sign] = kinds[/** @type {keyof typeof kinds} */ (kind)] ?? ["·"];
  return el(
    "li",
    { class: `event ${kind in kinds ? kind : ""}` },
    el("span", { class: "sign", "aria-hidden": "true" }, sign),
    el("time", { datetime: new Date(unixMs).toISOString() }, moment(unixMs)),
    el("span", { class: "dim" }, `step ${step}`),
    el("span", { class: "what", text: kind === "state" ? message.toLowerCase() : message }),
  );
}
