// @ts-check
import { api } from "./api.js";
import { controls } from "./controls.js";
import { curves } from "./curves.js";
import { el, refill } from "./dom.js";
import { evaluations } from "./evaluations.js";
import { events } from "./events.js";
import { duration, goesOn, moment, number } from "./format.js";
import { badge, progress } from "./runs_view.js";
import { samples } from "./samples.js";
import { settings } from "./settings.js";
import { terms } from "./terms.js";

const parts = /** @type {const} */ (["curves", "samples", "evaluations", "events", "settings"]);
/** Milliseconds between two looks at whether a run has new metrics. */
const NAMES_MS = 3000;

/**
 * One run, with all that is on record of it.
 *
 * @param {import("./api.js").RunDetail} run
 * @param {import("./api.js").Session} session
 */
export function runView(run, session) {
  const { runId } = run;
  const state = el("span");
  const facts = el("dl", { class: "facts" });
  const message = el("p", { class: "message", role: "status" });
  const control = controls(runId, session);
  let drawn = curvesOf(run);
  const sample = samples(runId, run.step);
  const evaluated = evaluations(runId);
  const happened = events(runId);
  const node = el(
    "article",
    { class: "run" },
    el("div", { class: "head" }, el("h1", { text: runId }), state, control.node),
    message,
    facts,
    el(
      "nav",
      { class: "parts", "aria-label": "Parts of this run" },
      parts.map((id) =>
        el("a", { href: `#${id}`, onclick: (/** @type {Event} */ event) => jump(event, id) }, id)
      ),
    ),
    terms(run.config),
    drawn.node,
    sample.node,
    evaluated.node,
    happened.node,
    settings(run.config),
  );

  let known = "";
  let namesAt = Date.now();
  /** @param {import("./api.js").Run} now */
  const show = (now) => {
    const text = JSON.stringify(now);
    if (text === known) return;
    const first = known === "";
    known = text;
    refill(state, badge(now.state));
    message.textContent = now.message;
    message.hidden = now.message === "";
    refill(facts, factsOf(now));
    control.show(now.state);
    if (first) return;
    drawn.grow(runId);
    sample.grow(now.step);
    evaluated.grow();
    happened.grow();
    void names();
  };
  /** Draws the curves again where a run has metrics that it had not. */
  const names = async () => {
    if (Date.now() - namesAt < NAMES_MS && drawn.names.length > 0) return;
    namesAt = Date.now();
    const now = await api.run(runId).catch(() => undefined);
    if (!now || now.metricNames.length === drawn.names.length) return;
    const next = curvesOf(now);
    drawn.node.replaceWith(next.node);
    drawn.drop();
    drawn = next;
  };
  show(run);
  return {
    node,
    title: runId,
    /** @param {Map<string, import("./api.js").Run>} all */
    show(all) {
      const now = all.get(runId);
      if (now) show(now);
    },
    drop: () => drawn.drop(),
  };
}

/** @param {import("./api.js").RunDetail} run */
function curvesOf({ runId, startedMs, metricNames }) {
  return curves([{ id: runId, place: 0, startedMs, names: metricNames }]);
}

/** @param {import("./api.js").Run} run */
function factsOf(run) {
  const { step, totalSteps, startedMs, endedMs, state, metrics } = run;
  const took = (endedMs || Date.now()) - startedMs;
  const left = goesOn(state) && step > 0 ? took / step * (totalSteps - step) : undefined;
  return [
    fact("progress", progress(run)),
    fact("started", moment(startedMs)),
    fact(endedMs > 0 ? "took" : "age", duration(took)),
    left !== undefined && fact("left, about", duration(left)),
    fact("reward", number(metrics["env/reward_mean"])),
    fact("KL", number(metrics["objective/kl"])),
    fact("toxicity", number(metrics["env/toxicity"])),
    fact("weights version", String(run.weightsVersion)),
    fact("checkpoint at step", String(run.checkpointStep)),
  ];
}

/** @param {string} name @param {Node | string} value */
function fact(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

/** Goes to a part without changing the address, which says what is shown. @param {Event} event @param {string} id */
function jump(event, id) {
  event.preventDefault();
  const heading = document.getElementById(id);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
}
