import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { readJson } from "@decorum/tensor";
import { encodeModel } from "@decorum/onnx";
import { createSession, type InferenceSession } from "@decorum/runtime";
import {
  buildClassifierGraph,
  type Classifier,
  classifierBatch,
  type ClassifierText,
  openCheckpoint,
  openClassifier,
} from "@decorum/models";
import { ClassifierSession } from "./classifier_session.ts";
import { attentionLengths, packBatch } from "./packed_batch.ts";
import { buildPackedClassifier, type ScoringPrecision } from "./packed_classifier.ts";
import { probabilities } from "./probabilities.ts";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";

type Logits = (texts: readonly ClassifierText[]) => Promise<number[][]>;

async function withPacked(
  folder: string,
  precision: ScoringPrecision,
  threads: number,
  body: (logits: Logits, model: Classifier) => Promise<void>,
): Promise<void> {
  const model = openClassifier(folder);
  using index = openCheckpoint(folder);
  const lengths = attentionLengths(128);
  const { graph, files } = buildPackedClassifier({ model, index, precision, lengths });
  await using session = await open(encodeModel(graph), files, threads);
  await body(async (texts) => {
    const { feeds, order } = packBatch(texts, model, lengths);
    const { logits } = await session.run(feeds);
    const all = [...logits!.data as Float32Array];
    const width = model.config.labels.length;
    const rows: number[][] = [];
    for (const [i, text] of order.entries()) rows[text] = all.slice(i * width, (i + 1) * width);
    return rows;
  }, model);
}

function open(
  bytes: Uint8Array,
  files: ReadonlyMap<string, string>,
  threads: number,
): Promise<InferenceSession> {
  return createSession({ bytes, externalData: Object.fromEntries(files) }, {
    intraOpThreads: threads,
  });
}

// Widths that are no multiple of a vector's, and those of a real model's head and blocks.
const shapes = {
  odd: { hidden_size: 36, num_attention_heads: 3, intermediate_size: 50, num_hidden_layers: 2 },
  wide: { hidden_size: 192, num_attention_heads: 3, intermediate_size: 768, num_hidden_layers: 2 },
};
const random = (type: "roberta" | "bert", shape: Readonly<Record<string, number>>) => ({
  type,
  json: { vocab_size: 60, max_position_embeddings: 130, ...shape },
  trained: true,
});
const text = fc.array(fc.integer({ min: 4, max: 59 }), { minLength: 1, maxLength: 120 })
  .chain((ids) =>
    fc.nat(ids.length).map((from): ClassifierText => ({
      ids,
      tokenTypeIds: ids.map((_, i) => i < from ? 0 : 1),
    }))
  );

for (const [shape, json] of Object.entries(shapes)) {
  for (const precision of ["fp32", "int8"] as const) {
    for (const threads of [1, 2]) {
      Deno.test(`${shape} in ${precision}, ${threads} threads: a text's logits are the same bits alone and in any batch`, async () => {
        using folder = new TemporaryFolder();
        const type = threads === 1 ? "roberta" : "bert";
        writeClassifier(folder.path, random(type, json));
        await withPacked(folder.path, precision, threads, async (logits) => {
          // Short texts among long ones, and whatever the generator finds.
          const few = fc.array(text, { minLength: 1, maxLength: 24 });
          await fc.assert(
            fc.asyncProperty(few, fc.nat(), async (texts, pick) => {
              const together = await logits(texts);
              const at = pick % texts.length;
              const [alone] = await logits([texts[at]!]);
              assert.deepEqual(together[at], alone);
              const some = texts.filter((_, i) => i % 2 === at % 2).toReversed();
              const half = (await logits(some)).toReversed();
              assert.deepEqual(half, together.filter((_, i) => i % 2 === at % 2));
            }),
            { numRuns: 15, seed: 5 },
          );
        });
      });
    }
  }
}

for (const type of ["roberta", "bert"] as const) {
  Deno.test(`${type}: fp32 equals the graph that is trained, within 1e-5; int8 comes near`, async () => {
    using folder = new TemporaryFolder();
    writeClassifier(folder.path, random(type, shapes.wide));
    const texts = fc.sample(text, { numRuns: 9, seed: 3 });
    const model = openClassifier(folder.path);
    using index = openCheckpoint(folder.path);
    const { graph, files } = buildClassifierGraph({ model, index });
    await using session = await open(encodeModel(graph), files, 1);
    const { logits } = await session.run(classifierBatch(texts, model).feeds);
    const expected = [...logits!.data as Float32Array];
    const spread = Math.max(...expected) - Math.min(...expected);
    for (const [precision, bound] of [["fp32", 1e-5], ["int8", 0.05 * spread]] as const) {
      await withPacked(folder.path, precision, 1, async (packed) => {
        for (const [i, found] of (await packed(texts)).flat().entries()) {
          assert.ok(
            Math.abs(found - expected[i]!) <= bound,
            `${precision}: ${found}, ${expected[i]}`,
          );
        }
      });
    }
  });
}

Deno.test("packed texts have transformers' logits, padding tokens inside a text included", async () => {
  // Made by tools/golden/record_files.py.
  const files = fileURLToPath(new URL("../models/testdata/files", import.meta.url));
  let checked = 0;
  for (const name of readdirSync(files)) {
    const folder = join(files, name);
    const expected = readJson(join(folder, "expected.json"));
    if (expected["kind"] !== "classifier" || "base" in expected) continue;
    const { config } = openClassifier(folder);
    await using session = await ClassifierSession.open(folder, openClassifier(folder));
    const logits = await session.logits(expected["texts"] as unknown as ClassifierText[]);
    const scores = logits.map((row) => probabilities(config, row));
    for (
      const [what, found] of [["logits", logits.map((x) => [...x])], [
        "probabilities",
        scores,
      ]] as const
    ) {
      const recorded = (expected[what] as number[][]).flat();
      assert.equal(found.flat().length, recorded.length);
      for (const [i, x] of found.flat().entries()) {
        assert.ok(Math.abs(x - recorded[i]!) <= 1e-5, `${name} ${what} ${i}: ${x}, ${recorded[i]}`);
      }
    }
    checked++;
  }
  assert.ok(checked >= 6);
});
