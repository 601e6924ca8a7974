import assert from "node:assert/strict";
import { GraphBuilder } from "@decorum/onnx";
import { float32, type Tensor } from "@decorum/tensor";
import {
  AdapterInputs,
  buildForwardGraph,
  initAdapter,
  Linear,
  loraScaling,
  mergeAdapter,
  openCheckpoint,
  openNetwork,
  runSequences,
  sequenceInputs,
  tokenBatch,
  Weights,
} from "./mod.ts";
import { feedsOf, logprobsOf, sequences, specOf, type TinyT5 } from "./testing/policy.ts";
import { assertClose, difference, type Feeds, floats, run, runAll } from "@decorum/testing/graph";
import { TemporaryFolder } from "@decorum/testing/folder";
import { lora, makeT5, randomAdapter } from "./testing/tiny.ts";

const adapterFeeds = (parameters: ReadonlyMap<string, Tensor>, scale: number): Feeds => ({
  ...Object.fromEntries(parameters),
  lora_scale: float32([], [scale]),
});

Deno.test("a new adapter, and one that is off, equal the base bit for bit", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const base = await logprobsOf(model);
  const config = lora("q", "v", "wo");
  const layers = model.model.layers;
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
      const layers = model.model.layers;
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
  const layers = model.model.layers;
  const adapters = [
    { prefix: "policy.", config: lora("q", "v") },
    { prefix: "reference.", config: { ...lora("q", "wo"), r: 2 } },
  ].map((a, i) => ({ ...a, parameters: randomAdapter(a.config, layers, i + 1) }));

  const graph = new GraphBuilder("two");
  const inputs = sequenceInputs(graph);
  const weights = new Weights(graph, model.index);
  for (const { prefix, config } of adapters) {
    const adapter = new AdapterInputs(weights, config, layers, { prefix });
    const network = model.model.network(new Linear(weights, adapter));
    const { decoded } = runSequences(model.model, network, inputs);
    assert.equal(adapter.scaleName, `${prefix}lora_scale`);
    graph.output(network.logits(decoded), `${prefix}logits`);
  }
  const two = { graph: graph.build(), files: weights.files };
  const external = [...two.graph.initializers.values()].filter((i) => "external" in i);
  assert.equal(external.length, model.tensors.size, "the base's weights are there once");

  const { input_ids, attention_mask, decoder_input_ids } =
    tokenBatch(sequences, model.model.config).feeds;
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

function logitsGraph(model: TinyT5, config: ReturnType<typeof lora>) {
  const graph = new GraphBuilder("one");
  const { weights, network } = openNetwork(graph, { ...model, lora: config });
  const { decoded } = runSequences(model.model, network, sequenceInputs(graph));
  graph.output(network.logits(decoded), "logits");
  return { graph: graph.build(), files: weights.files };
}

Deno.test("a dropout mask of ones changes nothing, one of zeros is the base", async () => {
  using folder = new TemporaryFolder();
  const model = makeT5(folder.join("t5"));
  const config = lora("q", "wi_1");
  const parameters = randomAdapter(config, model.model.layers);
  const on = feedsOf(model, sequences, adapterFeeds(parameters, loraScaling(config)));
  const plain = await run(buildForwardGraph({ ...specOf(model), lora: config }), on);
  const graph = buildForwardGraph({ ...specOf(model), lora: config, dropout: true });
  const masks = graph.graph.inputs.filter(({ name }) => name.endsWith(".lora_dropout"));
  assert.equal(masks.length, 2 + 2 * 3 + 2 + 3);
  const rows = { encoder: 3 * 10, decoder: 3 * 7 };
  const filled = (value: number): Feeds =>
    Object.fromEntries(masks.map(({ name }) => {
      const size = rows[name.startsWith("encoder") ? "encoder" : "decoder"];
      return [name, float32([size, 12], Array(size * 12).fill(value))];
    }));
  const results = await runAll(graph, { ...on, ...filled(1) }, { ...on, ...filled(0) });
  const [ones, zeros] = results.map((r) => floats(r["logprobs"]));
  assertClose(ones!, floats(plain["logprobs"]), 1e-5);
  assertClose(zeros!, await logprobsOf(model), 1e-5);
});
