// @ts-check
import { api, report } from "./api.js";
import { announce, el, refill } from "./dom.js";
import { number } from "./format.js";

/**
 * What prompts of a step became.
 *
 * @param {string} id
 * @param {number} newest the last step
 */
export function samples(id, newest) {
  /** Steps that a report holds. */
  const held = report ? Object.keys(report.samples).map(Number).sort((a, b) => a - b) : undefined;
  let last = newest;
  let step = newest;
  let follow = true;
  const list = el("div", { class: "samples" });
  const place = el("input", { type: "number", id: "sample-step", min: 1, inputmode: "numeric" });
  const slider = el("input", { type: "range", "aria-label": "Step of the samples", min: 1 });
  const whole = el("span", { class: "dim" });
  const follows = el("input", { type: "checkbox", checked: true });
  const move = (/** @type {number} */ by) => () => {
    const at = held?.indexOf(step) ?? -1;
    choose(held ? held[Math.min(held.length - 1, Math.max(0, at + by))] ?? step : step + by);
  };
  const node = el(
    "section",
    { "aria-labelledby": "samples" },
    el("h2", { id: "samples" }, "Samples"),
    el(
      "div",
      { class: "tools" },
      el("button", { type: "button", "aria-label": "Step before", onclick: move(-1) }, "‹"),
      el("label", { for: "sample-step" }, "step "),
      place,
      whole,
      el("button", { type: "button", "aria-label": "Next step", onclick: move(1) }, "›"),
      slider,
      api.live && el("label", { class: "check" }, follows, "the newest"),
    ),
    list,
  );
  place.addEventListener("change", () => choose(Number(place.value)));
  slider.addEventListener("input", () => {
    const value = Number(slider.value);
    choose(held ? held.reduce((a, b) => Math.abs(b - value) < Math.abs(a - value) ? b : a) : value);
  });
  follows.addEventListener("change", () => {
    follow = follows.checked;
    if (follow) void show(last);
  });

  /** @param {number} wanted */
  const choose = (wanted) => {
    follow = follows.checked = false;
    void show(Math.min(last, Math.max(1, Math.round(wanted) || 1)));
  };
  /** @param {number} wanted */
  const show = async (wanted) => {
    step = wanted;
    place.value = String(step);
    place.max = slider.max = String(Math.max(1, last));
    slider.value = String(step);
    whole.textContent = `of ${last}`;
    if (last === 0) return refill(list, el("p", { class: "dim" }, "No step has been taken yet."));
    const found = await api.samples(id, step);
    if (step !== wanted) return;
    refill(
      list,
      found.length > 0
        ? found.map(card)
        : el("p", { class: "dim" }, `Step ${step} has no samples on record.`),
    );
    if (!follow) announce(`${found.length} samples of step ${step}`);
  };
  if (held && !held.includes(step)) step = held.at(-1) ?? step;
  void show(step).catch(() => {});
  return {
    node,
    /** @param {number} now the last step */
    grow(now) {
      if (now === last) return;
      last = now;
      if (follow) void show(now).catch(() => {});
      else {
        place.max = slider.max = String(now);
        whole.textContent = `of ${now}`;
      }
    },
  };
}

/** @param {import("./api.js").Sample} sample */
function card({ prompt, response, score, tokens, scores }) {
  return el(
    "article",
    { class: "sample" },
    el("div", { class: "text prompt" }, el("h3", {}, "Prompt"), el("p", { text: prompt.trim() })),
    el(
      "div",
      { class: "text" },
      el("h3", {}, "Response"),
      response === "" ? el("p", { class: "dim" }, "(empty)") : el("p", { text: response }),
    ),
    el(
      "dl",
      { class: "scores" },
      pair("score", number(score)),
      Object.entries(scores ?? {}).map(([name, value]) => pair(name, number(value))),
      tokens === undefined ? null : pair("tokens", number(tokens)),
    ),
  );
}

/** @param {string} name @param {string} value */
function pair(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}
