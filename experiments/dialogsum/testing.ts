import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { summaryRows } from "../../demo/corpus/mod.ts";
import { loadSettings, type Settings } from "./settings.ts";

const models = fileURLToPath(new URL("../../demo/models/", import.meta.url));
const settingsFile = fileURLToPath(new URL("settings.yaml", import.meta.url));

/** A folder with sources of the experiment's layout, made of the demo's corpus, and small settings. */
export class TinySources implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "decorum-dialogsum-"));
  readonly data = join(this.path, "data");
  readonly settings = join(this.path, "settings.yaml");

  constructor() {
    for (const folder of ["dialogsum", "toxicity"]) {
      mkdirSync(join(this.data, folder), { recursive: true });
    }
    for (const [name, model] of [["flan-t5", "policy"], ["roberta-base", "reward"]] as const) {
      cpSync(join(models, model), join(this.data, "tokenizers", name), { recursive: true });
    }
    for (
      const [part, seed, count] of [["train", 1, 240], ["dev", 2, 20], ["test", 3, 24]] as const
    ) {
      const rows = summaryRows(seed, count).map(({ dialogue, summary }) => ({
        dialogue: dialogue.replace(/^(.*?):/gm, "#Person1#:"),
        [part === "test" ? "summary1" : "summary"]: summary,
      }));
      this.#write(`dialogsum/dialogsum.${part}.jsonl`, rows.map((row) => JSON.stringify(row)));
    }
    const pairs = Array.from({ length: 120 }, (_, i) => `you fool ${i}\tyou friend ${i}\t\t`);
    this.#write("toxicity/paradetox.tsv", ["toxic\tneutral1\tneutral2\tneutral3", ...pairs]);
    const tweets = Array.from(
      { length: 40 },
      (_, i) =>
        `${i},3,0,0,3,${i % 4 === 0 ? 2 : 1},"RT @you: a ${
          i % 4 === 0 ? "kind" : "bad"
        } ""word"" ${i}"`,
    );
    this.#write("toxicity/davidson.labeled_data.csv", [
      ",count,hate_speech,offensive_language,neither,class,tweet",
      ...tweets,
    ]);
    writeFileSync(this.settings, stringify(tiny(loadSettings(settingsFile))));
  }

  #write(file: string, lines: readonly string[]): void {
    writeFileSync(join(this.data, file), lines.map((line) => line + "\n").join(""));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The experiment's settings with the demo's vocabularies, and a few steps of everything. */
function tiny({ data, sft, classifier, ppo }: Settings): Settings {
  const { trainer } = ppo.services;
  return {
    data: { ...data, min_chars: 1, copies: 1 },
    sft: {
      flags: { ...sft.flags, steps: 3, "warmup-steps": 0 },
      config: { ...sft.config, vocab_size: 581, d_model: 16, d_kv: 4, d_ff: 16, num_layers: 1 },
    },
    classifier: {
      flags: { ...classifier.flags, epochs: 0.2, "warmup-steps": 0 },
      config: { ...classifier.config, vocab_size: 1696, hidden_size: 16, num_hidden_layers: 1 },
    },
    ppo: {
      ...ppo,
      seeds: [1],
      held_out: 12,
      services: {
        ...ppo.services,
        trainer: { ...trainer, ppo: { ...trainer.ppo, steps: 2, max_new_tokens: 12 } },
      },
    },
  };
}
