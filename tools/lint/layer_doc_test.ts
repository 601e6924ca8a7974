import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { layerTable } from "./layer_doc.ts";

Deno.test("docs/architecture.md has the layer table that the linter enforces", () => {
  const page = readFileSync(new URL("../../docs/architecture.md", import.meta.url), "utf8");
  const found = /<!-- layers -->\n([^]*?)<!-- end of layers -->/.exec(page)?.[1]?.trim();
  assert.equal(found, layerTable().trim(), `expected between the marks:\n${layerTable()}`);
});
