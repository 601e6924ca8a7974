import assert from "node:assert/strict";
import { GraphBuilder } from "@decorum/onnx";
import { float32, type Tensor } from "@decorum/tensor";
import {
  AdapterInputs,
  buildForwardGraph,
  initAdapter,
  loadT5Config,
  loraScaling,
  mergeAdapter,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  T5,
  t5LinearLayers,
  tokenBatch,
  VALUE_HEAD_BIAS,
  VALUE_HEAD_WEIGHT,
  Weights,
  writeModelFolder,
} from "./mod.ts";
import { assertClose, difference, type Feeds, floats, run, runAll } from "./testing/run.ts";
import { TemporaryFolder } from "./testing/temporary_folder.ts";
import { lora, makeT5, random, randomAdapter, tinyT5 } from "./testing/tiny.ts";

const sequences: Sequence[] = [
  { query: [5, 6, 7, 1], response: [9, 8, 1] },
  { query: [11, 3, 4, 30, 31, 32, 33, 12, 13, 1], response: [20, 21, 22, 23, 24, 25, 1] },
  { query: [39], response: [2] },
];

type Model = ReturnType<typeof makeT5>;

const specOf = ({ config, index }: Model): PolicySpec => ({ config, index });

const feedsOf = (model: Model, batch: readonly Sequence[], more: Feeds = {}): Feeds => ({
  ...tokenBatch(batch, model.config).feeds,
  temperature: float32([], [1]),
  ...more,
});

/** Log-probabilities of the responses' tokens. */
const logprobsOf = async (model: Model, batch = sequences) =>
  floats((await run(buildForwardGraph(specOf(model)), feedsOf(model, batch)))["logprobs"]);

const adapterFeeds = (parameters: ReadonlyMap<string, Tensor>, scale: number): Feeds => ({
  ...Object.fromEntries(parameters),
  lora_scale: float32([], [scale]),
});

for (const feed_forward_proj of ["relu", "gated-gelu"]) {
  Deno.test(`${feed_forward_proj}: padding changes nothing, whichever side of the model it is on`, async () => {
    using folder = new TemporaryFolder();
    const model = makeT5(folder.join("t5"), { feed_forward_proj });
    const graph = buildForwardGraph(specOf(model));
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
    buildForwardGraph(specOf(model)),
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
      config: loadT5Config(path),
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
    return { folder: path, tensors, config: loadT5Config(path), index: openCheckpoint(path) };
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
    assert.equal(model.config.num_decoder_layers, num_decoder_layers ?? num_layers);
    const expected = await logprobsOf(model);
    const last = [
      `encoder.block.${num_layers - 1}.layer.1.DenseReluDense.wo.weight`,
      `decoder.block.${model.config.num_decoder_layers - 1}.layer.2.DenseReluDense.wo.weight`,
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

Deno.test("a new adapter, and one that is off, equal the base bit for bit", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const base = await logprobsOf(model);
  const config = lora("q", "v", "wo");
  const layers = t5LinearLayers(model.config);
  const feeds = [
    adapterFeeds(initAdapter(config, layers, 3), loraScaling(config)),
    adapterFeeds(randomAdapter(config, layers), 0),
    adapterFeeds(randomAdapter(config, layers), loraScaling(config)),
  ].map((more) => feedsOf(model, sequences, more));
  const graph = buildForwardGraph({ ...specOf(model), lora: config });
  const [fresh, off, on] = (await runAll(graph, ...feeds)).map((r) => floats(r["logprobs"]));
  assert.deepEqual(fresh, base);
  assert.deepEqual(off, base);
  assert.ok(difference(on!, base) > 1e-2);
});

for (
  const [feed_forward_proj, targets] of [
    ["gated-gelu", ["q", "k", "v", "o", "wi_0", "wi_1", "wo"]],
    ["relu", ["wi", "wo", "EncDecAttention.q", "decoder.block.2.layer.0.SelfAttention.k"]],
  ] as const
) {
  for (const target of targets) {
    Deno.test(`${feed_forward_proj}: an adapter of ${target} equals the merged model`, async () => {
      using folder = new TemporaryFolder();
      const model = makeT5(folder.join("t5"), { feed_forward_proj });
      const layers = t5LinearLayers(model.config);
      const config = lora(target);
      const parameters = randomAdapter(config, layers);
      const feeds = feedsOf(model, sequences, adapterFeeds(parameters, loraScaling(config)));
      const result = await run(buildForwardGraph({ ...specOf(model), lora: config }), feeds);
      const adapted = floats(result["logprobs"]);
      mergeAdapter(model.folder, layers, { config, parameters }, folder.join("merged"));
      const merged = { ...model, index: openCheckpoint(folder.join("merged")) };
      assertClose(adapted, await logprobsOf(merged), 1e-5);
      assert.ok(difference(adapted, await logprobsOf(model)) > 1e-3);
    });
  }
}

Deno.test("two prefixes make two adapters of one base in one graph", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const layers = t5LinearLayers(model.config);
  const adapters = [
    { prefix: "policy.", config: lora("q", "v") },
    { prefix: "reference.", config: { ...lora("q", "wo"), r: 2 } },
  ].map((a, i) => ({ ...a, parameters: randomAdapter(a.config, layers, i + 1) }));

  const graph = new GraphBuilder("two");
  const ids = (name: string) => graph.input(name, "int64", ["batch", `${name}_time`]);
  const [source, mask, target] = [
    ids("input_ids"),
    graph.input("attention_mask", "int64", ["batch", "input_ids_time"]),
    ids("decoder_input_ids"),
  ];
  const weights = new Weights(graph, model.index);
  for (const { prefix, config } of adapters) {
    const adapter = new AdapterInputs(weights, config, layers, { prefix });
    const t5 = new T5(model.config, weights, adapter);
    assert.equal(adapter.scaleName, `${prefix}lora_scale`);
    graph.output(t5.logits(t5.decode(target, t5.encode(source, mask))), `${prefix}logits`);
  }
  const two = { graph: graph.build(), files: weights.files };
  const external = [...two.graph.initializers.values()].filter((i) => "external" in i);
  assert.equal(external.length, model.tensors.size, "the base's weights are there once");

  const { input_ids, attention_mask, decoder_input_ids } =
    tokenBatch(sequences, model.config).feeds;
  const feeds: Record<string, Tensor> = {
    input_ids: input_ids!,
    attention_mask: attention_mask!,
    decoder_input_ids: decoder_input_ids!,
  };
  const prefixed = adapters.flatMap(({ prefix, config, parameters }) =>
    Object.entries(adapterFeeds(parameters, loraScaling(config)))
      .map(([name, value]) => [prefix + name, value] as const)
  );
  const both = await run(two, { ...feeds, ...Object.fromEntries(prefixed) });
  const found = adapters.map(({ prefix }) => floats(both[`${prefix}logits`]));
  assert.ok(difference(found[0]!, found[1]!) > 0.05);
  for (const [i, { config, parameters }] of adapters.entries()) {
    const alone = await run(
      logitsGraph(model, config),
      { ...feeds, ...adapterFeeds(parameters, loraScaling(config)) },
    );
    assertClose(found[i]!, floats(alone["logits"]), 1e-5, adapters[i]!.prefix);
  }
});

function logitsGraph(model: Model, config: ReturnType<typeof lora>) {
  const graph = new GraphBuilder("one");
  const ids = (name: string, time: string) => graph.input(name, "int64", ["batch", time]);
  const weights = new Weights(graph, model.index);
  const adapter = new AdapterInputs(weights, config, t5LinearLayers(model.config));
  const t5 = new T5(model.config, weights, adapter);
  const encoded = t5.encode(ids("input_ids", "source"), ids("attention_mask", "source"));
  graph.output(t5.logits(t5.decode(ids("decoder_input_ids", "target"), encoded)), "logits");
  return { graph: graph.build(), files: weights.files };
}

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
