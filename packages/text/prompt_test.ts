import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { parsePrompt } from "./prompt.ts";

const columns = ["dialogue", "topic name"];

Deno.test("a template is filled from the row's columns", () => {
  const prompt = parsePrompt("On {topic name}:\n{dialogue}\n{topic name}!", columns);
  assert.deepEqual(prompt.columns, ["topic name", "dialogue"]);
  assert.equal(prompt.render({ dialogue: "hi", "topic name": "tea" }), "On tea:\nhi\ntea!");
});

Deno.test("doubled braces are literal, braces in the data stay", () => {
  const prompt = parsePrompt("{{{dialogue}}} {{x}}", columns);
  assert.equal(prompt.render({ dialogue: "{topic name} {{ $& }}" }), "{{topic name} {{ $& }}} {x}");
  assert.equal(parsePrompt("no places", columns).render({}), "no places");
  assert.equal(parsePrompt("", []).render({}), "");
});

Deno.test("an unknown column is refused when the template is parsed", () => {
  assert.throws(() => parsePrompt("a\n {dialog}", columns), {
    name: "InputError",
    message: /placeholder "dialog" at line 2, column 2 .* "dialogue", "topic name"/,
  });
  assert.throws(() => parsePrompt("{ dialogue }", columns), InputError);
  assert.throws(() => parsePrompt("{toString}", columns), InputError);
  assert.throws(() => parsePrompt("{x}", []), /the columns are none/);
});

Deno.test("unbalanced and empty braces are refused with their place", () => {
  for (
    const [template, message] of [
      ["x {dialogue", /"\{" at line 1, column 3 is never closed/],
      ["x } y", /"\}" at line 1, column 3 closes nothing/],
      ["{a{dialogue}", /line 1, column 1 is never closed/],
      ["{}", /an empty placeholder at line 1, column 1/],
    ] as const
  ) {
    assert.throws(() => parsePrompt(template, columns), { name: "InputError", message });
  }
});

Deno.test("a row that lacks a column is refused", () => {
  assert.throws(() => parsePrompt("{dialogue}", columns).render({ topic: "t" }), {
    name: "InputError",
    message: /no column "dialogue"; the columns are "topic"/,
  });
});
