import assert from "node:assert/strict";
import { castTensor, float32, InputError, type Tensor } from "@decorum/tensor";
import {
  buildClassifierGraph,
  buildForwardGraph,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
  writeModelFolder,
} from "./mod.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { makeClassifier, makeT5, tinyRoberta, tinyT5 } from "./testing/tiny.ts";

type Change = (tensors: Map<string, Tensor>) => void;

/** Builds the graph of a tiny model with weights that `change` has spoilt, and returns what it throws. */
function failure(
  kind: "t5" | "roberta",
  change: Change,
  config: Record<string, unknown> = {},
): Error {
  using folder = new TemporaryFolder();
  const model = kind === "t5" ? makeT5(folder.join("a")) : makeClassifier(folder.join("a"));
  const tensors = new Map(model.tensors);
  change(tensors);
  const path = folder.join("b");
  writeModelFolder(path, {
    config: { ...(kind === "t5" ? tinyT5 : tinyRoberta), ...config },
    tensors,
  });
  using index = openCheckpoint(path);
  try {
    if (kind === "t5") buildForwardGraph({ model: openPolicyModel(path), index });
    else buildClassifierGraph({ model: openClassifier(path), index });
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

Deno.test("a missing weight is named with its folder and the nearest that are there", () => {
  const key = "decoder.block.2.layer.1.EncDecAttention.o.weight";
  const error = failure("t5", (tensors) => tensors.delete(key));
  assert.ok(error instanceof InputError);
  assert.match(
    error.message,
    /^Cannot find tensor "decoder\.block\.2\.layer\.1\.EncDecAttention\.o\.w/,
  );
  assert.match(error.message, /in checkpoint \/.*\/b of \d+ tensors; nearest: "decoder\.block/);
  const classifier = failure("roberta", (tensors) => tensors.delete("classifier.out_proj.bias"));
  assert.match(
    classifier.message,
    /^Cannot find tensor "classifier\.out_proj\.bias" in checkpoint/,
  );
});

Deno.test("a checkpoint without any name of the embedding asks for the first", () => {
  const error = failure("t5", (tensors) => {
    tensors.delete("shared.weight");
    tensors.delete("lm_head.weight");
  });
  assert.match(error.message, /^Cannot find tensor "shared\.weight" in checkpoint/);
});

Deno.test("a weight of another shape is named with its file, found and expected", () => {
  const cases: [Error, string, string, string][] = [
    [
      failure("t5", () => {}, { d_ff: 15 }),
      "encoder.block.0.layer.1.DenseReluDense.wi_0.weight",
      "[14, 12]",
      "[15, 12]",
    ],
    [failure("t5", () => {}, { vocab_size: 41 }), "shared.weight", "[40, 12]", "[41, 12]"],
    [
      failure("roberta", () => {}, { id2label: { 0: "a", 1: "b" } }),
      "classifier.out_proj.weight",
      "[3, 12]",
      "[2, 12]",
    ],
    [
      failure(
        "roberta",
        (t) => t.set("roberta.embeddings.LayerNorm.bias", float32([1, 12], Array(12).fill(0))),
      ),
      "roberta.embeddings.LayerNorm.bias",
      "[1, 12]",
      "[12]",
    ],
  ];
  for (const [error, key, found, expected] of cases) {
    assert.ok(error instanceof InputError, error.message);
    assert.ok(error.message.startsWith(`Cannot use tensor "${key}" of /`), error.message);
    assert.ok(
      error.message.includes(`/b/model.safetensors: its shape is ${found}, expected ${expected}`),
      error.message,
    );
  }
});

Deno.test("a weight of another type is named with its file, found and expected", () => {
  const key = "encoder.final_layer_norm.weight";
  const error = failure("t5", (tensors) => {
    tensors.set(key, castTensor(tensors.get(key)!, "int32"));
  });
  assert.ok(error instanceof InputError);
  assert.match(
    error.message,
    /^Cannot use tensor "encoder\.final_layer_norm\.weight" of \/.*\/b\/model\.safetensors: its type is int32, expected float32 or float16 or bfloat16$/,
  );
});
