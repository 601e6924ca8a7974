import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { openPolicyModel, policyModel } from "./families.ts";
import { t5 } from "./t5.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { tinyT5 } from "./testing/tiny.ts";

type Fields = Record<string, unknown>;

const parseAll = (json: Fields, source = "models/x/config.json") =>
  t5(json, source).config as unknown as Fields;
const parse = (fields: Fields) => parseAll({ ...tinyT5, ...fields });

Deno.test("the fields of T5 1.0's first configs are enough", () => {
  const { d_model, d_kv, d_ff, num_heads, num_layers, vocab_size } = tinyT5;
  const config = parseAll({
    ...{ model_type: "t5", architectures: ["T5WithLMHeadModel"] },
    ...{ d_model, d_kv, d_ff, num_heads, num_layers, vocab_size },
  }, "old");
  assert.deepEqual(config, {
    ...{ model_type: "t5", d_ff, num_layers, vocab_size },
    ...{ hidden_size: d_model, head_dim: d_kv, num_attention_heads: num_heads },
    num_decoder_layers: num_layers,
    relative_attention_num_buckets: 32,
    relative_attention_max_distance: 128,
    layer_norm_epsilon: 1e-6,
    feed_forward: { activation: "relu", gated: false },
    scale_decoder_outputs: true,
    pad_token_id: 0,
    eos_token_id: 1,
    decoder_start_token_id: 0,
  });
});

Deno.test("outputs are scaled as transformers decides it", () => {
  const cases: [Record<string, unknown>, boolean][] = [
    [{ tie_word_embeddings: undefined }, true],
    [{ tie_word_embeddings: null }, true],
    [{ tie_word_embeddings: true }, true],
    [{ tie_word_embeddings: false }, false],
    [{ tie_word_embeddings: true, scale_decoder_outputs: false }, false],
    [{ tie_word_embeddings: true, scale_decoder_outputs: null }, false],
    [{ tie_word_embeddings: false, scale_decoder_outputs: true }, true],
  ];
  for (const [fields, expected] of cases) {
    assert.equal(parse(fields).scale_decoder_outputs, expected, JSON.stringify(fields));
  }
});

Deno.test("another architecture is refused by what was found and what is known", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ model_type: "gpt2" }, /json: field "model_type" is "gpt2"; expected "t5"$/],
    [{ model_type: undefined }, /json: field "model_type" is missing; expected "t5"$/],
    [{ model_type: ["t5"] }, /json: field "model_type" is \["t5"\]; expected "t5"$/],
    [
      { architectures: ["T5EncoderModel"] },
      /field "architectures" is \["T5EncoderModel"\]: expected "T5ForConditionalGeneration" or "T5With/,
    ],
    [
      { feed_forward_proj: "gated-selu" },
      /field "feed_forward_proj" is "gated-selu": expected one of relu, .*"gated-" and one of them/,
    ],
  ];
  for (const [fields, expected] of cases) {
    const json = { ...tinyT5, ...fields };
    assert.throws(
      () => policyModel(json, "models/x/config.json"),
      (error) =>
        error instanceof InputError &&
        error.message.startsWith("Cannot use models/x/config.json: ") &&
        expected.test(error.message),
    );
  }
});

Deno.test("every problem of a config is named at once, with file, field, found and expected", () => {
  using folder = new TemporaryFolder();
  const { d_model: _, ...rest } = tinyT5;
  const fields = { ...rest, num_heads: "2", d_ff: 0, vocab_size: 1.5, architectures: "T5" };
  writeFileSync(folder.join("config.json"), JSON.stringify(fields));
  assert.throws(() => openPolicyModel(folder.path), (error: unknown) => {
    assert.ok(error instanceof InputError);
    assert.ok(error.message.startsWith(`Cannot use ${folder.join("config.json")}: `));
    for (
      const expected of [
        /field "d_model" is missing: .*expected number/,
        /field "num_heads" is "2": .*expected number/,
        /field "d_ff" is 0: .*>0/,
        /field "vocab_size" is 1\.5: .*expected int/,
        /field "architectures" is "T5": .*expected array/,
      ]
    ) assert.match(error.message, expected);
    return true;
  });
});

Deno.test("a maximum distance that the exact buckets already pass is refused", () => {
  assert.equal(parse({ relative_attention_max_distance: 5 }).relative_attention_max_distance, 5);
  assert.throws(
    () => parse({ relative_attention_max_distance: 4 }),
    /field "relative_attention_max_distance" is 4, expected more than half of .* which is 8/,
  );
});
