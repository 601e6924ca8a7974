import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import {
  fieldsOf,
  loadService,
  namedIn,
  processNames,
  sectionNames,
  sections,
  serviceNames,
} from "@decorum/settings";
import { settingsFiles } from "./settings_doc.ts";

const root = new URL("../", import.meta.url);
const file = fileURLToPath(new URL("config/example.yaml", root));

Deno.test("the example and the page of settings are today's: else `deno task settings:doc`", () => {
  for (const [path, text] of settingsFiles()) {
    assert.equal(readFileSync(new URL(path, root), "utf8"), text, path);
  }
});

Deno.test("the example is what the services start with when only what they must have is given", () => {
  const required = sectionNames.flatMap((name) =>
    fieldsOf(name, sections[name]).filter((one) =>
      one.required && one.example !== undefined && !one.name.includes("[")
    )
  );
  const set = required.filter(({ name }) => !name.startsWith("evaluator.judge"))
    .map(({ name, example }) => `${name}=${JSON.stringify(example)}`);
  for (const name of serviceNames) {
    assert.deepEqual(loadService(name, { file }), loadService(name, { set }), name);
  }
});

Deno.test("the services of the example find each other, and each has a port of its own", () => {
  const values = parse(readFileSync(file, "utf8"));
  const listen = namedIn(values, "listen").map(({ value }) => value);
  assert.equal(new Set(listen).size, processNames.length);
  for (const { name, service, value } of namedIn(values, "service")) {
    assert.equal(value, values[service!].listen, name);
  }
});
