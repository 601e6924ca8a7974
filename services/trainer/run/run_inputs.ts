import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Algorithm } from "@decorum/algorithms";
import { isPinOf, type Resolved } from "@decorum/hub";
import {
  type LoraConfig,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
  startingFrom,
  targetLayers,
  writePeftAdapter,
} from "@decorum/models";
import { localSource } from "@decorum/service";
import {
  algorithmOf,
  loraConfigOf,
  mapRunNames,
  type RunConfig,
  type TrainerConfig,
} from "@decorum/settings";
import type { Logger } from "@decorum/telemetry";
import { InputError } from "@decorum/tensor";
import { loadTokenizer, type Tokenizer } from "@decorum/text";
import { loadPrompts, type RunPrompts } from "./prompts.ts";

/** What is read and checked before a run is accepted. */
export interface RunInputs {
  readonly config: RunConfig;
  readonly algorithm: Algorithm;
  readonly sources: RunSources;
  readonly tokenizer: Tokenizer;
  readonly prompts: RunPrompts;
  /** Of the adapter that is trained: model.lora, with what single layers of the start adapter have of their own. */
  readonly lora: LoraConfig;
  /** The adapter that training starts from, and its value head; undefined: a new one. */
  readonly start: PeftAdapter | undefined;
}

/** Where on this machine lies what a run's configuration names. */
export interface RunSources {
  readonly model: string;
  readonly startAdapter: string | null;
  readonly train: string;
  readonly eval: string | null;
}

/** The models and data that a run's configuration names, by their settings. */
function namesOf(config: RunConfig) {
  const names = new Map<string, { readonly kind: "model" | "file"; readonly value: string }>();
  mapRunNames(config, ({ name, kind, value }) => {
    if (kind === "model" || kind === "data") {
      names.set(name, { kind: kind === "data" ? "file" : kind, value });
    }
    return value;
  });
  return names;
}

/**
 * Finds what a configuration names, on this machine or the hub.
 *
 * @param allowed where it may lie
 * @returns the configuration with every name of the hub pinned to the commit that it means today, so that a
 * resumed run has the same; and where all of it lies
 */
async function findSources(
  config: RunConfig,
  allowed: Pick<TrainerConfig, "allowed_folders">,
  logger: Logger,
): Promise<{ config: RunConfig; sources: RunSources }> {
  const found = new Map<string, Resolved>();
  for (const [name, { kind, value }] of namesOf(config)) {
    found.set(name, await localSource(value, allowed, logger, kind));
  }
  return {
    config: mapRunNames(config, ({ name, value }) => found.get(name)?.pinned ?? value),
    sources: {
      model: found.get("model.name_or_path")!.path,
      startAdapter: found.get("model.start_adapter")?.path ?? null,
      train: found.get("data.train")!.path,
      eval: found.get("data.eval")?.path ?? null,
    },
  };
}

/** `wanted`, with the pins of `recorded` where both mean the same repository: what a restarted run uses. */
export function withPinsOf(recorded: RunConfig, wanted: RunConfig): RunConfig {
  const pins = namesOf(recorded);
  return mapRunNames(wanted, ({ name, value }) => {
    const pin = pins.get(name)?.value;
    return pin !== undefined && isPinOf(pin, value) ? pin : value;
  });
}

/**
 * Reads data, tokenizer and start adapter.
 *
 * @param folder the run's own, where a resumed run has its start adapter
 * @throws Error, InputError naming the field or file
 */
export async function readInputs(
  named: RunConfig,
  surroundings: Pick<TrainerConfig, "allowed_folders" | "evaluator">,
  folder: string,
  logger: Logger,
): Promise<RunInputs> {
  const { config, sources } = await findSources(named, surroundings, logger);
  const { model } = sources;
  if (!existsSync(join(model, "config.json"))) {
    throw new InputError(
      `Cannot load model ${config.model.name_or_path}: there is no config.json in that folder`,
    );
  }
  if (config.evaluate.every_steps > 0 && surroundings.evaluator === null) {
    throw new InputError(
      `evaluate.every_steps is ${config.evaluate.every_steps}, and this trainer has no evaluator: ` +
        "set trainer.evaluator, or evaluate.every_steps 0",
    );
  }
  const layers = openPolicyModel(model).layers;
  const asked = loraConfigOf(config);
  targetLayers(asked, layers, "model.lora");
  const kept = startFolder(folder);
  const from = existsSync(kept) ? kept : sources.startAdapter;
  const start = from === null ? undefined : readPeftAdapter(from, layers);
  const lora = start
    ? startingFrom(asked, start.config, layers, { what: "model.lora", source: from ?? "" })
    : asked;
  const tokenizer = loadTokenizer(model);
  const algorithm = algorithmOf(config);
  const prompts = await loadPrompts(config, algorithm, sources, tokenizer);
  return { config, algorithm, sources, tokenizer, prompts, lora, start };
}

/** Keeps a copy of the start adapter with the run, so that a resumed run has the same reference. */
export function keepStart(folder: string, { start, config }: RunInputs): void {
  if (start) writePeftAdapter(startFolder(folder), start, { base: config.model.name_or_path });
}

function startFolder(folder: string): string {
  return join(folder, "start");
}
