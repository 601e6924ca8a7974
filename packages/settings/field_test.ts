import assert from "node:assert/strict";
import { z } from "zod";
import { fieldsOf, mapNamed } from "./field.ts";
import { checked, readSettings } from "./load.ts";

const kind = (kind: "model" | "url" | "secret" | "server") => z.string().meta({ kind });
const terms = z.array(z.discriminatedUnion("source", [
  z.strictObject({ source: z.literal("folder"), at: kind("model").describe("Where it lies.") }),
  z.strictObject({
    source: z.literal("server"),
    at: kind("server"),
    token: kind("secret").nullable().default(null).meta({ description: "Its token.", unit: "-" }),
  }),
])).nullable().default(null);
const schema = z.strictObject({
  terms,
  limits: z.strictObject({
    share: z.number().min(0).lt(1).default(0.5),
    most: z.int().positive().nullable().default(null),
  }).prefault({}).describe("Of a call."),
});

Deno.test("fields have names, types and defaults; items of lists are told apart by their kind", () => {
  const fields = fieldsOf("s", schema).map(({ name, type, default: value }) => [name, type, value]);
  assert.deepEqual(fields, [
    ["s.terms", "list of group, or null", null],
    ["s.terms[folder].at", "text", undefined],
    ["s.terms[server].at", "text", undefined],
    ["s.terms[server].token", "text, or null", null],
    ["s.limits", "group", undefined],
    ["s.limits.share", "number >= 0, < 1", 0.5],
    ["s.limits.most", "whole number >= 1, or null", null],
  ]);
});

Deno.test("what values name is found by the alternative that they are, and may be changed", () => {
  const values = {
    terms: [{ source: "folder", at: "m" }, { source: "server", at: "h:1", token: "t" }],
    limits: { share: 0.1 },
    unknown: "x",
  };
  const found: string[] = [];
  const shown = mapNamed("s", schema, values, ({ name, kind, value }) => {
    found.push(`${name} ${kind} ${value}`);
    return kind === "secret" ? "-" : value;
  });
  const names = ["s.terms.0.at model m", "s.terms.1.at server h:1", "s.terms.1.token secret t"];
  assert.deepEqual(found, names);
  const [folder, server] = values.terms;
  assert.deepEqual(shown, { ...values, terms: [folder, { ...server, token: "-" }] });
});

Deno.test("what is secret is not shown, and unknown names are compared, in lists too", () => {
  const set = ['terms=[{ source: server, at: "h:1", token: [hunter2], tokn: a }]'];
  assert.throws(() => checked(schema, readSettings({ set }).values), (error: Error) => {
    assert.match(error.message, /terms\.0\.token is wrong \(it is not shown\): expected string/);
    assert.match(
      error.message,
      /terms\.0\.tokn is unknown: the nearest name is terms\[server\]\.token/,
    );
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});
