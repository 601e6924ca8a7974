import assert from "node:assert/strict";
import { castTensor, float32, InputError, type Tensor, writeSafetensors } from "@decorum/tensor";
import {
  addClassifierHead,
  buildClassifierGraph,
  buildForwardGraph,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
  withoutCopies,
  writeModelFolder,
} from "./mod.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { random } from "@decorum/testing/weights";
import { makeClassifier, makeT5, tinyBert, tinyRoberta, tinyT5 } from "./testing/tiny.ts";

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

Deno.test("a number that is not finite is refused by tensor, where a graph reads it and in memory", () => {
  const key = "decoder.final_layer_norm.weight";
  for (const dtype of ["float32", "float16", "bfloat16"] as const) {
    for (const bad of [NaN, -Infinity]) {
      const error = failure("t5", (tensors) => {
        const { dims, data } = tensors.get(key) as Tensor<"float32">;
        tensors.set(key, castTensor(float32(dims, data.with(3, bad)), dtype));
      });
      assert.ok(error instanceof InputError);
      assert.match(
        error.message,
        /^Cannot use tensor "decoder\.final_layer_norm\.weight" of \/.*: its element 3 is NaN or infinite/,
      );
    }
  }
  using folder = new TemporaryFolder();
  const { index } = makeT5(folder.join("t5"));
  index.close();
  writeSafetensors(
    folder.join("t5", "model.safetensors"),
    new Map([["w", float32([2], [1, NaN])]]),
  );
  using checkpoint = openCheckpoint(folder.join("t5"));
  assert.throws(() => checkpoint.read("w"), /"w" of .*: its element 1 is NaN or infinite/);
});

Deno.test("keys with a prefix are refused with the prefix, and how to remove it", () => {
  for (const prefix of ["module.", "_orig_mod.", "model.t5."]) {
    const error = failure("t5", (tensors) => {
      for (const [key, value] of [...tensors]) {
        tensors.delete(key);
        tensors.set(prefix + key, value);
      }
    });
    assert.ok(error.message.includes(`it has "${prefix}`), error.message);
    assert.ok(error.message.includes(`key.removeprefix("${prefix}")`), error.message);
  }
});

for (const json of [tinyRoberta, tinyBert]) {
  const type = String(json["model_type"]);
  Deno.test(`a ${type} without a head is refused plainly, and gets a new one`, () => {
    using folder = new TemporaryFolder();
    const whole = makeClassifier(folder.join("whole"), json);
    // As the base model's own class saves it: no head, and keys without their first part.
    const { id2label: _, ...rest } = json;
    const name = type === "bert" ? "BertModel" : "RobertaModel";
    writeModelFolder(folder.join("base"), {
      config: { ...rest, architectures: [name] },
      tensors: new Map(
        [...whole.tensors].filter(([key]) => key.startsWith(`${type}.`))
          .map(([key, value]) => [key.slice(type.length + 1), value]),
      ),
    });
    using index = openCheckpoint(folder.join("base"));
    const model = openClassifier(folder.join("base"));
    assert.throws(
      () => buildClassifierGraph({ model, index }),
      (error) =>
        error instanceof InputError &&
        /^Cannot score with this \w+: its weights have no classifier head \(classifier.*reward-train"$/
          .test(error.message),
    );
    const labels = ["a", "b", "c"];
    addClassifierHead(folder.join("base"), folder.join("made"), { labels, seed: 4 });
    const made = openClassifier(folder.join("made"));
    assert.deepEqual(made.config.labels, labels);
    using weights = openCheckpoint(folder.join("made"));
    buildClassifierGraph({ model: made, index: weights });
    for (const [key, value] of whole.tensors) {
      if (key.startsWith(`${type}.`)) assert.deepEqual(weights.read(key), value, key);
      else assert.notDeepEqual(weights.read(key), value, key);
    }
  });
}

Deno.test("labels that the config does not count are counted by the head", () => {
  using folder = new TemporaryFolder();
  const { id2label: _, ...json } = tinyRoberta;
  const { tensors } = makeClassifier(folder.join("named"));
  writeModelFolder(folder.join("unnamed"), { config: json, tensors });
  assert.deepEqual(openClassifier(folder.join("unnamed")).config.labels, [
    ...["LABEL_0", "LABEL_1", "LABEL_2"],
  ]);
});

Deno.test("training takes equal copies of the embedding as one weight, others as weights of their own", () => {
  using folder = new TemporaryFolder();
  const { model, tensors, index } = makeT5(folder.join("t5"), { tie_word_embeddings: true });
  const table = tensors.get("shared.weight")!;
  const other = random("other", table.dims, 1, 1);
  writeModelFolder(folder.join("copies"), {
    config: tinyT5,
    tensors: new Map([
      ...tensors,
      ["encoder.embed_tokens.weight", table],
      ["decoder.embed_tokens.weight", other],
      ["lm_head.weight", table],
    ]),
  });
  using copies = openCheckpoint(folder.join("copies"));
  const trained = withoutCopies(copies, model.tiedKeys);
  assert.deepEqual(model.tiedKeys.map((key) => trained.has(key)), [true, false, true, false]);
  assert.deepEqual(model.tiedKeys.map((key) => withoutCopies(index, model.tiedKeys).has(key)), [
    ...[true, false, false, false],
  ]);
});
