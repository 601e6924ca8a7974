// @ts-check
import { api, ApiError, keepToken, listen, report, takeToken } from "./api.js";
import { askForToken } from "./controls.js";
import { compareView } from "./compare_view.js";
import { announce, el, refill } from "./dom.js";
import { runView } from "./run_view.js";
import { runsView } from "./runs_view.js";
import { themeButton } from "./theme.js";

/** @typedef {{ node: Node, title: string, show: (runs: Map<string, import("./api.js").Run>) => void, drop: () => void }} View */

const place = /** @type {HTMLElement} */ (document.getElementById("view"));
const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
const connection = el("span", { class: "connection", role: "status" });

/** What is known of all runs. @type {Map<string, import("./api.js").Run>} */
const runs = new Map();
/** @type {View | undefined} */
let view;
/** Views that are no longer wanted are not shown when their data comes. */
let wanted = 0;

/** @param {string} text */
function warn(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

/** @returns {Promise<View>} what the address names */
async function viewOf() {
  const [, kind, ...ids] = location.hash.split("/").map(decodeURIComponent);
  const session = await api.session();
  if (kind === "run" && ids[0] !== undefined) return runView(await api.run(ids[0]), session);
  if (kind === "compare" && ids.length > 0) return compareView(await Promise.all(ids.map(api.run)));
  return runsView();
}

async function show() {
  const mine = ++wanted;
  try {
    const next = report ? runView(report.run, await api.session()) : await viewOf();
    if (mine !== wanted) return next.drop();
    view?.drop();
    view = next;
    refill(place, view.node);
    document.title = `${view.title} · Decorum`;
    view.show(runs);
    announce(view.title);
    scrollTo(0, 0);
  } catch (error) {
    if (mine !== wanted) return;
    view?.drop();
    view = undefined;
    const problem = error instanceof Error ? error.message : String(error);
    refill(
      place,
      el(
        "section",
        { class: "empty" },
        el("h1", {}, "This cannot be shown"),
        el("p", {}, problem),
        el("p", {}, el("a", { href: "#/" }, "All runs")),
      ),
    );
    if (error instanceof ApiError && error.status === 401) await signIn();
  }
}

/** Asks for a token, and begins again with it. */
async function signIn() {
  keepToken(null);
  if (!await askForToken()) return;
  start();
}

let stop = () => {};
/** Listens, and shows what the address names. */
function start() {
  stop();
  runs.clear();
  stop = listen((news) => {
    if (news.problem !== undefined) return warn(news.problem);
    if (!news.runs) return;
    if (news.all) runs.clear();
    for (const run of news.runs) runs.set(run.runId, run);
    warn(
      news.older
        ? "An older version of Decorum wrote this: scores of reward terms, evaluations and kinds of events are not on record."
        : "",
    );
    if (!view && place.querySelector(".empty")) void show();
    else view?.show(runs);
  }, (state) => {
    connection.className = `connection ${state}`;
    connection.textContent =
      { live: "live", waiting: "waiting for the server", token: "a token is needed" }[state];
    if (state === "token" && !document.querySelector("dialog")) void signIn();
  });
  void show();
}

document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  place.focus();
});
const bar = /** @type {HTMLElement} */ (document.getElementById("bar"));
bar.append(...(report ? [] : [connection]), themeButton());
if (report) {
  void show();
} else {
  takeToken();
  addEventListener("hashchange", () => {
    takeToken();
    void show();
  });
  start();
}
