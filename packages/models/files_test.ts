/** Files as other programs write them, against what transformers and PEFT make of them: tools/golden/record_files.py. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { float32, readJson } from "@decorum/tensor";
import { TemporaryFolder } from "@decorum/testing/folder";
import {
  buildClassifierGraph,
  buildForwardGraph,
  classifierBatch,
  type ClassifierText,
  isPolicyModel,
  loraScaling,
  mergeAdapter,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
  tokenBatch,
} from "./mod.ts";
import { assertClose, floats, run } from "@decorum/testing/graph";

const files = fileURLToPath(new URL("./testdata/files", import.meta.url));

/** What the recorder noted of a case. */
interface Expected {
  readonly kind: "policy" | "classifier";
  readonly base?: string;
  readonly queries: number[][];
  readonly responses: number[][];
  readonly logprobs: number[];
  readonly texts: ClassifierText[];
  readonly logits: number[][];
}

async function logprobsOf(folder: string, expected: Expected, adapter?: PeftAdapter) {
  const model = openPolicyModel(folder);
  using index = openCheckpoint(folder);
  const sequences = expected.queries.map((query, i) => ({
    query,
    response: expected.responses[i]!,
  }));
  const graph = buildForwardGraph({ model, index, ...(adapter ? { lora: adapter.config } : {}) });
  const { logprobs } = await run(graph, {
    ...tokenBatch(sequences, model.config).feeds,
    temperature: float32([], [1]),
    ...Object.fromEntries(adapter?.parameters ?? []),
    ...(adapter ? { lora_scale: float32([], [loraScaling(adapter.config)]) } : {}),
  });
  return floats(logprobs);
}

async function logitsOf(folder: string, { texts }: Expected) {
  const model = openClassifier(folder);
  using index = openCheckpoint(folder);
  const { feeds } = classifierBatch(texts, model);
  return floats((await run(buildClassifierGraph({ model, index }), feeds))["logits"]);
}

for (const name of readdirSync(files)) {
  Deno.test(`${name} is read as transformers and PEFT read it`, async () => {
    const folder = join(files, name);
    const expected = readJson(join(folder, "expected.json")) as unknown as Expected;
    const found = expected.kind === "policy" ? logprobsOf : logitsOf;
    const recorded = expected.kind === "policy" ? expected.logprobs : expected.logits.flat();
    if (expected.base === undefined) {
      assertClose(await found(folder, expected), recorded, 1e-5);
      return;
    }
    const base = join(files, expected.base);
    const { layers } = isPolicyModel(base) ? openPolicyModel(base) : openClassifier(base);
    const adapter = readPeftAdapter(folder, layers, { savedModules: true });
    if (!adapter.savedModules) {
      assertClose(await logprobsOf(base, expected, adapter), recorded, 1e-5);
    }
    using out = new TemporaryFolder();
    mergeAdapter(base, layers, adapter, out.join("merged"));
    assert.ok(existsSync(out.join("merged", "config.json")));
    assertClose(await found(out.join("merged"), expected), recorded, 1e-5);
  });
}
