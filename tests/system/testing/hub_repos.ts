import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ServedRepo } from "@decorum/testing/hub";
import { readSafetensors } from "@decorum/tensor";
import { pickle, zipFile } from "@decorum/testing/torch";
import { promptRows } from "../../../demo/corpus/mod.ts";

const models = fileURLToPath(new URL("../../../demo/models/", import.meta.url));
const bytes = (text: string) => new TextEncoder().encode(text);

/** The repositories of the preset `flan-t5-detox`, by their names and of their layout, with the demo's tiny models. */
export const labRepos: readonly ServedRepo[] = [
  {
    type: "model",
    name: "google/flan-t5-base",
    files: new Map([
      ...folderFiles("policy"),
      ["README.md", bytes("# FLAN-T5")],
      ["generation_config.json", bytes('{"decoder_start_token_id": 0}')],
      ["spiece.model", bytes("not read")],
      ["pytorch_model.bin", bytes("not read, since there is model.safetensors")],
    ]),
  },
  {
    type: "model",
    name: "facebook/roberta-hate-speech-dynabench-r4-target",
    files: asReleasedByFacebook("reward"),
  },
  {
    type: "model",
    name: "cardiffnlp/twitter-roberta-base-hate-latest",
    files: asReleasedByFacebook("judge", { nothate: "NOT-HATE", hate: "HATE" }),
  },
  {
    type: "dataset",
    name: "knkarthick/dialogsum",
    files: new Map([
      ["README.md", bytes("# DialogSum")],
      ["train.csv", dialogSum(60)],
      ["validation.csv", dialogSum(4)],
      ["test.csv", dialogSum(4)],
    ]),
  },
];

function folderFiles(name: string): [string, Uint8Array][] {
  return readdirSync(join(models, name)).map((file) => [
    file,
    new Uint8Array(readFileSync(join(models, name, file))),
  ]);
}

/** `pytorch_model.bin`, `vocab.json` and `merges.txt`: no safetensors, no `tokenizer.json`. */
function asReleasedByFacebook(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Map<string, Uint8Array> {
  const text = (file: string) => readFileSync(join(models, name, file), "utf8");
  const { model } = JSON.parse(text("tokenizer.json")) as {
    model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
  };
  const merges = model.merges.map((pair) => typeof pair === "string" ? pair : pair.join(" "));
  const config = Object.entries(labels).reduce(
    (json, [from, to]) => json.replaceAll(`"${from}"`, `"${to}"`),
    text("config.json"),
  );
  return new Map([
    ["config.json", bytes(config)],
    ["merges.txt", bytes(`#version: 0.2\n${merges.join("\n")}\n`)],
    ["pytorch_model.bin", torchCheckpoint(join(models, name, "model.safetensors"))],
    ["special_tokens_map.json", bytes('{"bos_token": "<s>", "eos_token": "</s>"}')],
    ["tokenizer_config.json", bytes('{"model_max_length": 128}')],
    ["vocab.json", bytes(JSON.stringify(model.vocab))],
  ]);
}

/** What `torch.save` writes of the tensors of a safetensors file. */
function torchCheckpoint(path: string): Uint8Array {
  const members: Record<string, Uint8Array> = {};
  const items = [...readSafetensors(path)].map(([key, { dims, data }], i) => {
    members[`archive/data/${i}`] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1));
    const tensor = pickle.tensor({ key: `${i}`, elements: data.length, dims: [...dims], strides });
    return [key, tensor] as const;
  });
  return zipFile({ "archive/data.pkl": pickle.dict(...items), ...members });
}

/** Rows with the columns of the data set; dialogues of 200 to 1000 characters, and some of fewer. */
function dialogSum(rows: number): Uint8Array {
  const talks = promptRows(5, "ppo", rows * 8);
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = Array.from({ length: rows }, (_, i) => {
    let dialogue = "";
    for (let j = 0; j < 8 && dialogue.length <= (i % 10 === 9 ? 0 : 200); j++) {
      dialogue += (dialogue === "" ? "" : "\n") + talks[i * 8 + j]!.dialogue;
    }
    return `train_${i},${quote(dialogue)},${quote(talks[i * 8]!.civil)},talk`;
  });
  return bytes(["id,dialogue,summary,topic", ...lines].join("\n") + "\n");
}
