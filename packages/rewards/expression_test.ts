import assert from "node:assert/strict";
import { InputError } from "@decorum/tensor";
import { evaluateExpression, parseExpression } from "./expression.ts";

const values = new Map([["toxic", 0.3], ["severe-toxic", 2], ["not hate", -1.5], ['a"b', 4]]);
const value = (source: string) => evaluateExpression(parseExpression(source), values);

Deno.test("linear expressions of labels", () => {
  assert.equal(value('"toxic"'), 0.3);
  assert.equal(value('-"toxic"'), -0.3);
  assert.equal(value('"not hate" - "toxic"'), -1.5 - 0.3);
  assert.equal(value('-(0.5 "toxic" + 2 "severe-toxic")'), -(0.15 + 4));
  assert.equal(value('2*("toxic" - 1)*3'), 1.7999999999999998 - 6);
  assert.equal(value('1e-1 "severe-toxic" + -.5'), 0.2 - 0.5);
  assert.equal(value('"a\\"b"'), 4);
  assert.equal(value('1 - "toxic"'), 0.7);
  assert.equal(value('"toxic" + "toxic"'), 0.6);
});

Deno.test("one label alone is its value, bit for bit", () => {
  for (const x of [0.1, -0.0, 1e-40, -3.2495]) {
    const found = evaluateExpression(parseExpression('"x"'), new Map([["x", x]]));
    assert.equal(found, x + 0);
  }
});

Deno.test("what cannot be read is told with its place", () => {
  const wrong: [string, RegExp][] = [
    ["", /at character 1, the end: expected/],
    ["toxic", /at character 1, "toxic": expected a number, a label in double quotes/],
    ['"toxic', /at character 1, .*label in double quotes/],
    ['"toxic" *', /at character 10, the end/],
    ['"toxic" "hate"', /at character 9, .*product of two labels/],
    ['("toxic"', /expected a closing parenthesis/],
    ['"toxic" )', /at character 9, "\)": expected \+ or - or the end/],
    ["1 + 2", /expected at least one label/],
    ['"a" - "a"', /expected at least one label/],
    ['"a" / 2', /at character 5/],
  ];
  for (const [source, message] of wrong) {
    assert.throws(
      () => parseExpression(source),
      (error) => error instanceof InputError && message.test(error.message),
      source,
    );
  }
  assert.throws(() => value('"hate"'), /no label "hate"; the labels are "toxic", "severe-toxic"/);
});
