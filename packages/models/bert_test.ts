import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { classifierModel, openClassifier } from "./families.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { tinyBert, tinyRoberta } from "./testing/tiny.ts";

const open = (fields: Record<string, unknown>) =>
  classifierModel({ ...tinyRoberta, ...fields }, "models/x/config.json");
const parse = (fields: Record<string, unknown>) => open(fields).config;

Deno.test("labels are by index; without names they are transformers' own", () => {
  assert.deepEqual(parse({ id2label: { 1: "b", 0: "a" } }).labels, ["a", "b"]);
  assert.deepEqual(parse({ id2label: undefined }).labels, ["LABEL_0", "LABEL_1"]);
  assert.deepEqual(parse({ id2label: undefined, num_labels: 1 }).labels, ["LABEL_0"]);
});

Deno.test("padding ids and segments have each architecture's own default", () => {
  const without = { pad_token_id: undefined, type_vocab_size: undefined };
  assert.equal(parse(without).pad_token_id, 1);
  const types = "roberta.embeddings.token_type_embeddings.weight";
  assert.deepEqual(open(without).weightShapes.get(types), [2, 12]);
  assert.equal(classifierModel({ ...tinyBert, ...without }, "b").config.pad_token_id, 0);
});

Deno.test("models that are no sequence classifiers are refused by what was found", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { model_type: "deberta" },
      /field "model_type" is "deberta"; expected one of "bert", "roberta", "xlm-/,
    ],
    [
      { architectures: ["RobertaForTokenClassification"] },
      /field "architectures" is \["RobertaForTokenClassification"\]: expected "RobertaForSequenceClassification"/,
    ],
    [{ is_decoder: true }, /field "is_decoder" is true: .*expected false/],
    [
      { position_embedding_type: "relative_key" },
      /field "position_embedding_type" is "relative_key"/,
    ],
    [{ hidden_act: "selu" }, /field "hidden_act" is "selu": .*"gelu"/],
    [{ num_attention_heads: 5 }, /field "hidden_size" is 12, expected a multiple of .* which is 5/],
    [{ id2label: { 0: "a", 2: "c" } }, /field "id2label" has no label 1; expected 0 to 1/],
    [{ id2label: { a: "0" } }, /field "id2label" is \{"a":"0"\}: expected integers as label ids/],
  ];
  for (const [fields, expected] of cases) {
    assert.throws(
      () => parse(fields),
      (error) =>
        error instanceof InputError &&
        error.message.startsWith("Cannot use models/x/config.json: ") &&
        expected.test(error.message),
      JSON.stringify(fields),
    );
  }
});

Deno.test("every problem of a config is named at once", () => {
  using folder = new TemporaryFolder();
  const { hidden_size: _, vocab_size: __, ...rest } = tinyRoberta;
  writeFileSync(folder.join("config.json"), JSON.stringify({ ...rest, num_hidden_layers: "12" }));
  assert.throws(
    () => openClassifier(folder.path),
    /config\.json: field "vocab_size" is missing: .*; field "hidden_size" is missing: .*; field "num_hidden_layers" is "12": /,
  );
  assert.throws(() => openClassifier(folder.join("none")), /Cannot read JSON file .*ENOENT/);
});
