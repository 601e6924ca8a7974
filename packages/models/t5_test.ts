import assert from "node:assert/strict";
import { castTensor, float32, InputError, type Tensor } from "@decorum/tensor";
import {
  buildForwardGraph,
  openCheckpoint,
  openPolicyModel,
  type Sequence,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  writeModelFolder,
} from "./mod.ts";
import { entropyGraph, feedsOf, logprobsOf, sequences, specOf } from "./testing/policy.ts";
import { assertClose, difference, floats, run, runAll } from "@decorum/testing/graph";
import { TemporaryFolder } from "@decorum/testing/folder";
import { random } from "@decorum/testing/weights";
import { makeT5, tinyT5 } from "./testing/tiny.ts";
import { writeFileSync } from "node:fs";
import { policyModel } from "./families.ts";
import { t5 } from "./t5.ts";

for (const feed_forward_proj of ["relu", "gated-gelu"]) {
  Deno.test(`${feed_forward_proj}: padding changes nothing, whichever side of the model it is on`, async () => {
    using folder = new TemporaryFolder();
    const model = makeT5(folder.join("t5"), { feed_forward_proj });
    const graph = entropyGraph(specOf(model));
    const feeds = [sequences, ...sequences.map((s) => [s])].map((batch) => feedsOf(model, batch));
    const [together, ...alone] = await runAll(graph, ...feeds);
    for (const name of ["logprobs", "entropy"]) {
      assertClose(floats(together![name]), alone.flatMap((r) => floats(r[name])), 1e-5, name);
    }
  });
}

Deno.test("the order of a batch is the order of its results", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const found = await logprobsOf(model);
  const turned = await logprobsOf(model, [sequences[2]!, sequences[0]!, sequences[1]!]);
  assertClose(turned, [...found.slice(10), ...found.slice(0, 10)], 1e-6);
});

Deno.test("a token's score depends on what was before it alone", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const [, { query }] = sequences as [Sequence, Sequence, Sequence];
  const scores = (response: number[]) => logprobsOf(model, [{ query, response }]);
  const found = await scores([20, 21, 22, 23]);
  const changed = await scores([20, 21, 35, 36]);
  assert.deepEqual(changed.slice(0, 2), found.slice(0, 2));
  assert.ok(difference(changed.slice(2), found.slice(2)) > 1e-3);
});

Deno.test("a mask leaves tokens out of the results and changes no others", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const [first] = sequences as [Sequence];
  const all = await logprobsOf(model, [first]);
  const some = await logprobsOf(model, [{ ...first, mask: [true, false, true] }]);
  assertClose(some, [all[0]!, all[2]!], 1e-6);
});

Deno.test("probabilities of all words add up to 1 and the entropy is theirs", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"), { tie_word_embeddings: true });
  const words = Array.from({ length: 40 }, (_, id) => id);
  const batch = words.map((id) => ({ query: [7, 8, 1], response: [id] }));
  const result = await run(
    entropyGraph(specOf(model)),
    feedsOf(model, batch, { temperature: float32([], [0.7]) }),
  );
  const p = floats(result["logprobs"]).map(Math.exp);
  assertClose([p.reduce((a, b) => a + b)], [1], 1e-5);
  const entropy = -p.reduce((sum, x) => sum + x * Math.log(x), 0);
  assertClose(floats(result["entropy"]), words.map(() => entropy), 1e-5);
});

Deno.test("one embedding under any of its names, or copied under all of them, is the same model", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("shared"), { tie_word_embeddings: true });
  assert.ok(!model.tensors.has("lm_head.weight"));
  const expected = await logprobsOf(model);
  const table = model.tensors.get("shared.weight")!;
  const others = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];
  const variants = [...others.map((name) => [name]), ["shared.weight", ...others]];
  for (const [i, names] of variants.entries()) {
    const tensors = new Map(model.tensors);
    tensors.delete("shared.weight");
    for (const name of names) tensors.set(name, table);
    const path = folder.join(`${i}`);
    writeModelFolder(path, { config: { ...tinyT5, tie_word_embeddings: true }, tensors });
    const variant = {
      folder: path,
      tensors,
      model: openPolicyModel(path),
      index: openCheckpoint(path),
    };
    assert.deepEqual(await logprobsOf(variant), expected, names.join());
  }
});

Deno.test("an untied head is used, and scaled outputs are those of a head that is smaller by sqrt(d_model)", async () => {
  using folder = new TemporaryFolder();
  const untied = makeT5(folder.join("untied"));
  const head = untied.tensors.get("lm_head.weight") as Tensor<"float32">;
  const tensors = new Map(untied.tensors);
  tensors.set("lm_head.weight", float32(head.dims, head.data.map((x) => x * 12 ** -0.5)));
  const write = (name: string, config: Record<string, unknown>, weights = untied.tensors) => {
    const path = folder.join(name);
    writeModelFolder(path, { config: { ...tinyT5, ...config }, tensors: weights });
    return { folder: path, tensors, model: openPolicyModel(path), index: openCheckpoint(path) };
  };
  const scaled = await logprobsOf(write("scaled", { scale_decoder_outputs: true }));
  assertClose(scaled, await logprobsOf(write("smaller", {}, tensors)), 1e-5);
  const plain = await logprobsOf(untied);
  assert.ok(difference(scaled, plain) > 0.1);
  const shared = new Map(untied.tensors).set(
    "lm_head.weight",
    untied.tensors.get("shared.weight")!,
  );
  assert.ok(difference(await logprobsOf(write("shared", {}, shared)), plain) > 0.1);
});

Deno.test("depths may differ, and every layer of both stacks counts", async () => {
  using folder = new TemporaryFolder();
  for (const [num_layers, num_decoder_layers] of [[1, 3], [3, 1], [2, undefined]] as const) {
    const name = `${num_layers}-${num_decoder_layers}`;
    const model = makeT5(folder.join(name), { num_layers, num_decoder_layers });
    assert.equal(model.model.config.num_decoder_layers, num_decoder_layers ?? num_layers);
    const expected = await logprobsOf(model);
    const last = [
      `encoder.block.${num_layers - 1}.layer.1.DenseReluDense.wo.weight`,
      `decoder.block.${model.model.config.num_decoder_layers - 1}.layer.2.DenseReluDense.wo.weight`,
    ];
    for (const key of last) {
      const { dims } = model.tensors.get(key)!;
      const tensors = new Map(model.tensors).set(key, random("other", dims, 9, 0.3));
      const path = folder.join(`${name}-${key}`);
      const json = { ...tinyT5, num_layers, num_decoder_layers };
      writeModelFolder(path, { config: json, tensors });
      const changed = { ...model, folder: path, index: openCheckpoint(path) };
      assert.ok(difference(await logprobsOf(changed), expected) > 1e-3, key);
    }
  }
});

Deno.test("the value head is a linear function of the last hidden state, whatever the temperature", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const graph = buildForwardGraph({ ...specOf(model), valueHead: true });
  const head = (weight: Tensor, bias: number, temperature = 1) =>
    feedsOf(model, sequences, {
      [VALUE_HEAD_WEIGHT]: weight,
      [VALUE_HEAD_BIAS]: float32([1], [bias]),
      temperature: float32([], [temperature]),
    });
  const [a, b] = [random("a", [1, 12], 1, 1), random("b", [1, 12], 1, 1)];
  const sum = float32([1, 12], a.data.map((x, i) => x + b.data[i]!));
  const results = await runAll(graph, head(a, 0.5), head(b, -2), head(sum, 0), head(a, 0.5, 3));
  const [va, vb, vsum, warm] = results.map((r) => floats(r["values"]));
  assertClose(va!.map((x, i) => x - 0.5 + vb![i]! + 2), vsum!, 1e-4);
  assert.deepEqual(warm, va);
});

for (const dtype of ["float16", "bfloat16"] as const) {
  Deno.test(`weights stored as ${dtype} are used as the float32 numbers they stand for`, async () => {
    using folder = new TemporaryFolder();
    const model = makeT5(folder.join("t5"));
    const write = (name: string, convert: (x: Tensor) => Tensor) => {
      const tensors = new Map([...model.tensors].map(([key, x]) => [key, convert(x)]));
      const path = folder.join(name);
      writeModelFolder(path, { config: tinyT5, tensors });
      return { ...model, folder: path, index: openCheckpoint(path) };
    };
    const half = write("half", (x) => castTensor(x, dtype));
    const full = write("full", (x) => castTensor(castTensor(x, dtype), "float32"));
    assert.equal(half.index.info("shared.weight").dtype, dtype);
    assertClose(await logprobsOf(half), await logprobsOf(full), 1e-6);
  });
}

Deno.test("weights that are trained are inputs of the graph, and those fed are used", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const trained = [...model.tensors.keys()].filter((key) => /final_layer_norm|shared|wo/.test(key));
  const graph = buildForwardGraph({ ...specOf(model), trainable: (key) => trained.includes(key) });
  const names = graph.graph.inputs.map((input) => input.name);
  assert.deepEqual(names.filter((name) => model.tensors.has(name)).sort(), trained.sort());
  const same = Object.fromEntries(trained.map((key) => [key, model.tensors.get(key)!]));
  const key = "decoder.final_layer_norm.weight";
  const other = { ...same, [key]: random("other", [12], 3, 1) };
  const results = await runAll(
    graph,
    feedsOf(model, sequences, same),
    feedsOf(model, sequences, other),
  );
  const [found, changed] = results.map((r) => floats(r["logprobs"]));
  assertClose(found!, await logprobsOf(model), 1e-5);
  assert.ok(difference(found!, changed!) > 0.01);
});

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

Deno.test("the activation is what transformers takes it for", () => {
  const cases: [Record<string, unknown>, string, boolean][] = [
    [{ feed_forward_proj: "gated-gelu" }, "gelu_new", true],
    [{ feed_forward_proj: "gelu" }, "gelu", false],
    [{ feed_forward_proj: "gated-silu", dense_act_fn: "relu" }, "relu", true],
    [{ feed_forward_proj: "relu", dense_act_fn: "gelu_new", is_gated_act: true }, "gelu_new", true],
    [{ feed_forward_proj: "gated-gelu", is_gated_act: false }, "gelu_new", false],
  ];
  for (const [fields, activation, gated] of cases) {
    assert.deepEqual(parse(fields).feed_forward, { activation, gated }, JSON.stringify(fields));
  }
  assert.throws(() => parse({ dense_act_fn: "selu" }), /field "dense_act_fn" is "selu": .*"relu"/);
});

Deno.test("another architecture is refused by what was found and what is known", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ model_type: "gpt2" }, /json: field "model_type" is "gpt2"; expected one of "t5", "mt5"/],
    [{ model_type: undefined }, /json: field "model_type" is missing; expected one of "t5", "mt5"/],
    [{ model_type: ["t5"] }, /json: field "model_type" is \["t5"\]; expected one of "t5", "mt5"/],
    [
      { architectures: ["T5EncoderModel"] },
      /field "architectures" is \["T5EncoderModel"\]: expected "T5ForConditionalGeneration" or "T5With/,
    ],
    [
      { feed_forward_proj: "gated-selu" },
      /field "feed_forward_proj" is "gated-selu": expected one of linear, .*"gated-" and one of them/,
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
        /field "d_model" is missing: expected number; field/,
        /field "num_heads" is "2": expected number$/,
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
