// @ts-check
import { api, ApiError, keepToken, token } from "./api.js";
import { announce, el, refill } from "./dom.js";

/** What can be asked of a run in a state. @type {Record<string, string[]>} */
const possible = {
  STARTING: ["stop"],
  RUNNING: ["pause", "checkpoint", "stop"],
  PAUSED: ["resume", "checkpoint", "stop"],
};
const names = /** @type {Record<string, string>} */ ({
  pause: "Pause",
  resume: "Resume",
  checkpoint: "Checkpoint",
  stop: "Stop",
});

/**
 * Buttons that change a run. Without a token they ask for one.
 *
 * @param {string} id
 * @param {import("./api.js").Session} session
 */
export function controls(id, session) {
  const said = el("p", { class: "said", role: "status" });
  const bar = el("div", { class: "controls", role: "group", "aria-label": "Change the run" });
  const node = el("div", {}, bar, said);
  let busy = "";
  let state = "";

  const draw = () => {
    const offered = session.controls ? possible[state] ?? [] : [];
    const buttons = offered.map((name) =>
      el(
        "button",
        { type: "button", class: name, disabled: busy !== "", onclick: () => void ask(name) },
        busy === name ? `${names[name]} …` : names[name],
      )
    );
    const focused = bar.contains(document.activeElement)
      ? document.activeElement?.className
      : undefined;
    refill(bar, buttons);
    if (focused) /** @type {HTMLElement | null} */ (bar.querySelector(`.${focused}`))?.focus();
  };
  /** @param {string} name */
  const ask = async (name) => {
    if (
      name === "stop" &&
      !await confirmed(
        `Stop run ${id}?`,
        "It ends after the step in hand, with a checkpoint, and can be resumed.",
        "Stop the run",
      )
    ) return;
    if (token() === null && !await askForToken()) return;
    busy = name;
    draw();
    tell(`${names[name]}: after the step in hand …`);
    try {
      await api.control(id, name);
      tell(`${names[name]}: done`);
    } catch (error) {
      const refused = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (refused) keepToken(null);
      tell(`${names[name]} was refused: ${error instanceof Error ? error.message : error}`);
    }
    busy = "";
    draw();
  };
  /** @param {string} text */
  const tell = (text) => {
    said.textContent = text;
    announce(text);
  };
  return {
    node,
    /** @param {string} now the run's state */
    show(now) {
      if (now === state) return;
      state = now;
      draw();
    },
  };
}

/**
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
function confirmed(title, text, yes) {
  return dialog(title, [el("p", {}, text)], yes, () => true);
}

/** Asks for the token, which this tab keeps. @returns {Promise<boolean>} */
export function askForToken() {
  const input = el("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    spellcheck: "false",
  });
  return dialog(
    "A token is needed",
    [
      el(
        "p",
        {},
        "`decorum ui` shows one when it starts, and `decorum token` makes others. This tab keeps it until it is closed.",
      ),
      el("label", { for: "token" }, "Token"),
      input,
    ],
    "Use it",
    () => {
      const value = input.value.trim();
      if (value === "") return false;
      keepToken(value);
      return true;
    },
  );
}

/**
 * @param {string} title
 * @param {Node[]} contents
 * @param {string} yes
 * @param {() => boolean} accept
 * @returns {Promise<boolean>}
 */
function dialog(title, contents, yes, accept) {
  const heading = el("h2", { id: "dialog" }, title);
  const no = el("button", { type: "button", class: "quiet", onclick: () => box.close() }, "Cancel");
  const form = el(
    "form",
    {},
    heading,
    contents,
    el("div", { class: "tools end" }, no, el("button", { class: "main" }, yes)),
  );
  const box = el("dialog", { "aria-labelledby": "dialog" }, form);
  return new Promise((resolve) => {
    let answer = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = accept();
      if (answer) box.close();
    });
    box.addEventListener("close", () => {
      box.remove();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
  });
}
