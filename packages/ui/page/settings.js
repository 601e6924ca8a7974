// @ts-check
import { el, refill, table } from "./dom.js";

/**
 * Settings as they were given, by their dotted names.
 *
 * @param {unknown} config
 */
export function settings(config) {
  const all = flat(config);
  const filter = el("input", {
    type: "search",
    placeholder: "setting",
    "aria-label": "Show settings that hold",
  });
  const place = el("div");
  const show = () => {
    const text = filter.value.trim().toLowerCase();
    const found = all.filter(([name, value]) => `${name} ${value}`.toLowerCase().includes(text));
    refill(
      place,
      table(
        "Every setting",
        ["setting", "value"],
        found.map(([name, value]) => [el("code", {}, name), el("code", { class: "value" }, value)]),
        { class: "settings" },
      ),
    );
  };
  filter.addEventListener("input", show);
  show();
  return el(
    "section",
    { "aria-labelledby": "settings" },
    el("h2", { id: "settings" }, "Settings"),
    el("div", { class: "tools" }, filter),
    place,
  );
}

/**
 * Settings of several runs where they differ.
 *
 * @param {{ id: string, config: unknown }[]} runs
 */
export function differences(runs) {
  const each = runs.map(({ config }) => new Map(flat(config)));
  const names = [...new Set(each.flatMap((one) => [...one.keys()]))];
  return names
    .map((name) => ({ name, values: each.map((one) => one.get(name) ?? "–") }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** @param {unknown} value @param {string} [at] @returns {[string, string][]} */
function flat(value, at = "") {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const parts = Object.entries(value);
    if (parts.length > 0) {
      return parts.flatMap(([key, part]) => flat(part, at === "" ? key : `${at}.${key}`));
    }
  }
  return [[at, typeof value === "string" ? value : JSON.stringify(value)]];
}
