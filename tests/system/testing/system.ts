import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { PROMPT_TEMPLATE, promptRows } from "../../../demo/corpus/mod.ts";
import { RunStore } from "@decorum/runs";
import { freeAddress } from "@decorum/testing/ports";

const models = fileURLToPath(new URL("../../../demo/models/", import.meta.url));

/** Steps of {@link System}'s run. */
export const STEPS = 8;

/** Settings by section and name. */
export type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What is on record of a run, but for its times. */
export interface Recorded {
  readonly state: string;
  readonly metrics: readonly Readonly<Record<string, number>>[];
  readonly messages: string;
}

/** A folder with data and a configuration of the four services, which run the demo's models. */
export class System implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "decorum-system-"));
  /** Addresses by service. */
  readonly addresses: Readonly<Record<"policy" | "reward" | "evaluator" | "trainer", string>>;
  readonly config: string;
  readonly runs: string;
  /** Folders of the demo's models. */
  readonly models = { policy: join(models, "policy"), reward: join(models, "reward") };

  private constructor(addresses: System["addresses"], changes: Settings) {
    this.addresses = addresses;
    this.runs = this.path("runs");
    this.config = this.path("config.yaml");
    const rows = promptRows(1, "ppo", 120).map(({ dialogue, civil }) => ({ dialogue, civil }));
    this.write("prompts.jsonl", rows.map((row) => JSON.stringify(row) + "\n").join(""));
    this.write("config.yaml", stringify(this.#settings(changes)));
  }

  /** @param changes by section, over settings of a run of a few seconds */
  static async make(changes: Settings = {}): Promise<System> {
    const names = ["policy", "reward", "evaluator", "trainer"] as const;
    const found = [];
    for (const name of names) found.push([name, await freeAddress()]);
    return new System(Object.fromEntries(found) as System["addresses"], changes);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** @returns the file's path */
  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  recorded(runId: string): Recorded {
    using store = new RunStore(this.runs);
    const metrics = store.steps(runId, 1).map(({ metrics }) =>
      Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith("time/")))
    );
    const messages = store.events(runId).map(({ message }) => message).join("\n");
    return { state: store.run(runId)?.state ?? "none", metrics, messages };
  }

  /** The files of a run's result, value head where it has one, as text that can be compared. */
  adapter(runId: string): string[] {
    return ["adapter_model.safetensors", "model.safetensors"]
      .map((name) => join(this.runs, runId, "adapter", name)).filter((path) => existsSync(path))
      .map((path) => readFileSync(path, "base64"));
  }

  #settings(changes: Settings): Settings {
    const { policy, reward, evaluator, trainer } = this.addresses;
    const lora = { r: 4, lora_alpha: 8, lora_dropout: 0, target_modules: ["q", "v"] };
    const base: Settings = {
      model: { name_or_path: this.models.policy, lora },
      policy: { listen: policy, threads: 1 },
      reward: { listen: reward, model: this.models.reward, threads: 1 },
      evaluator: {
        listen: evaluator,
        policy: [policy],
        threads: 1,
        batch: 4,
        toxicity: { model: this.models.reward, label: "hate" },
      },
      trainer: {
        ...{ listen: trainer, policy: [policy], reward, evaluator, threads: 1, seed: 3 },
        runs: this.runs,
        reward_label: "nothate",
        rollout: { group_size: 4 },
        data: {
          train: this.path("prompts.jsonl"),
          prompt: PROMPT_TEMPLATE,
          split: { train: 0.8, test: 0.2 },
          reference_column: "civil",
        },
        ppo: {
          steps: STEPS,
          batch_size: 8,
          mini_batch_size: 4,
          ppo_epochs: 2,
          learning_rate: 0.001,
          max_new_tokens: 12,
        },
        evaluate: { every_steps: 2, prompts: 8 },
        checkpoint: { every_steps: 3, keep: 2 },
      },
    };
    return Object.fromEntries(
      Object.entries(base).map(([name, section]) => [name, { ...section, ...changes[name] }]),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
