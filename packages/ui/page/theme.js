// @ts-check
import { el } from "./dom.js";

/** Colours of Okabe and Ito, which colour-blind people tell apart; a dark page needs the lighter ones. */
const palettes = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#3a8fc4", "#5b5b5b"],
  dark: ["#56b4e9", "#e69f00", "#2fc79a", "#e39bc4", "#f0e442", "#8ab8ff", "#bdbdbd"],
};
/** Lines are told apart without colours too. */
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 2], [12, 6]];

const names = /** @type {const} */ (["auto", "light", "dark"]);
const wanted = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"light" | "dark"} what is shown now */
export function theme() {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : wanted.matches ? "dark" : "light";
}

/** Colour and dashes of line `i`. @param {number} i */
export function lineStyle(i) {
  const colours = palettes[theme()];
  return {
    colour: /** @type {string} */ (colours[i % colours.length]),
    dash: /** @type {number[]} */ (dashes[i % dashes.length]),
  };
}

/** A colour of the style sheet, as "--line". @param {string} name */
export function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Calls back when what is shown has changed. @param {() => void} changed */
export function onTheme(changed) {
  addEventListener("themechange", changed);
  return () => removeEventListener("themechange", changed);
}

/** The button that goes from automatic to light to dark. */
export function themeButton() {
  const button = el("button", { type: "button", class: "quiet" });
  const show = () => {
    const name = document.documentElement.dataset["theme"] ?? "auto";
    button.textContent = { auto: "◐", light: "☀", dark: "☾" }[name] ?? "◐";
    button.setAttribute("aria-label", `Colours: ${name}. Change`);
    button.title = `Colours: ${name}`;
    dispatchEvent(new Event("themechange"));
  };
  const choose = (/** @type {string} */ name) => {
    if (name === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = name;
  };
  choose(kept() ?? "auto");
  button.addEventListener("click", () => {
    const now = names.findIndex((name) =>
      name === (document.documentElement.dataset["theme"] ?? "auto")
    );
    const next = /** @type {string} */ (names[(now + 1) % names.length]);
    choose(next);
    keep(next);
    show();
  });
  wanted.addEventListener("change", show);
  show();
  return button;
}

/** A file that is opened from a disk may keep nothing. */
function kept() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

/** @param {string} name */
function keep(name) {
  try {
    localStorage.setItem("theme", name);
  } catch {
    // It is chosen again the next time.
  }
}
