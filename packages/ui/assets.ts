import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Scripts of the page in the order in which they depend on each other: a script imports from those before it. */
export const scripts = [
  "dom.js",
  "format.js",
  "theme.js",
  "api.js",
  "chart.js",
  "curves.js",
  "samples.js",
  "evaluations.js",
  "events.js",
  "settings.js",
  "terms.js",
  "controls.js",
  "runs_view.js",
  "run_view.js",
  "compare_view.js",
  "main.js",
] as const;

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly text: string;
  readonly gzip: Uint8Array;
  /** As an ETag, with its quotes. */
  readonly tag: string;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page's files by their path: its own, and uPlot's from its npm package. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const require = createRequire(import.meta.url);
  const own = (name: string) => fileURLToPath(new URL(`page/${name}`, import.meta.url));
  const uplot = (name: string) => require.resolve(`uplot/dist/${name}`);
  const files: Record<string, string> = {
    "/": own("index.html"),
    "/style.css": own("style.css"),
    "/icon.svg": own("icon.svg"),
    "/uplot.css": uplot("uPlot.min.css"),
    "/uplot.js": uplot("uPlot.iife.min.js"),
  };
  for (const name of scripts) files[`/${name}`] = own(name);
  return new Map(Object.entries(files).map(([path, file]) => [path, asset(file)]));
}

function asset(file: string): Asset {
  const text = readFileSync(file, "utf8");
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 22);
  return { type: types[extname(file)]!, text, gzip: gzipSync(text), tag: `"${hash}"` };
}
