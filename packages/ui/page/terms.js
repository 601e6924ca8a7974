// @ts-check
import { el, table } from "./dom.js";

/** @typedef {Record<string, unknown> & { name: string, kind: string, weight?: number }} Term */

/**
 * The terms that a run's reward is made of; null for a run without a list of them, whose reward is one label.
 *
 * @param {unknown} config the run's settings
 */
export function terms(config) {
  const { rewards, multi_objective_aggregation: aggregation } =
    /** @type {{ rewards?: Term[] | null, multi_objective_aggregation?: string }} */ (config ?? {});
  if (!Array.isArray(rewards)) return null;
  return el(
    "section",
    { class: "terms", "aria-labelledby": "terms" },
    el(
      "h2",
      { id: "terms" },
      rewards.length === 1 ? "Reward: one term" : `Reward: ${rewards.length} terms`,
    ),
    table(
      "Terms of the reward",
      ["term", "weight", "from"],
      rewards.map((term) => [
        el("code", {}, term.name),
        String(term.weight ?? 1),
        el("code", { class: "value" }, source(term)),
      ]),
    ),
    rewards.length > 1 &&
      el("p", { class: "dim" }, `Added by ${aggregation ?? "sum_then_normalize"}.`),
  );
}

/** Where a term comes from, and what was set for it. @param {Term} term */
function source({ name: _, weight: __, kind, ...rest }) {
  const given = Object.entries(rest).filter(([, value]) =>
    (typeof value === "string" && value !== "") || typeof value === "number"
  );
  return [kind, ...given.map(([key, value]) => `${key}: ${value}`)].join(", ");
}
