import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  baseModelHash,
  type EncoderDecoderConfig,
  initValueHead,
  type LinearLayers,
  type LoraConfig,
  openPolicyModel,
  type PeftAdapter,
  readPeftAdapter,
  startingFrom,
  targetLayers,
  tokenizerHash,
} from "@decorum/models";
import type { RuntimeOptions } from "@decorum/runtime";
import { localSource } from "@decorum/service";
import type { Logger } from "@decorum/telemetry";
import { InputError, type Tensor } from "@decorum/tensor";
import { loadTokenizer, type Tokenizer } from "@decorum/text";
import { loraConfigOf, type PolicyConfig } from "@decorum/settings";
import { Engine } from "./engine.ts";
import { baseWeights, type HeldWeights, heldWeights } from "./weights.ts";

/** What is known of the model before and beside its sessions. */
export interface PolicyModel {
  readonly name: string;
  readonly config: EncoderDecoderConfig;
  /** `config.json` as it is. */
  readonly configJson: string;
  readonly baseModelHash: string;
  /** Undefined where the folder has no tokenizer: requests then bring ids. */
  readonly tokenizer: Tokenizer | undefined;
  readonly tokenizerHash: string;
  readonly layers: LinearLayers;
  readonly lora: LoraConfig;
  readonly base: HeldWeights;
  readonly start: HeldWeights;
  createEngine(): Promise<Engine>;
}

/**
 * Reads a model folder and the adapter that training starts from.
 *
 * @throws Error for a folder or file that is missing; InputError naming file and field
 */
export async function loadPolicyModel(config: PolicyConfig, logger: Logger): Promise<PolicyModel> {
  const { path: folder, pinned } = await localSource(config.model.name_or_path, config, logger);
  const adapter = config.model.start_adapter === null
    ? null
    : (await localSource(config.model.start_adapter, config, logger)).path;
  if (!existsSync(folder)) {
    throw new InputError(
      `Cannot load the policy's model: there is no folder ${folder}; set model.name_or_path to a Hugging Face folder of an encoder-decoder model`,
    );
  }
  const description = openPolicyModel(folder);
  const { config: modelConfig, layers } = description;
  const width = modelConfig.hidden_size;
  const asked = loraConfigOf(config);
  targetLayers(asked, layers, "model.lora");
  const started = adapter === null ? undefined : readPeftAdapter(adapter, layers);
  // The graphs are made for the ranks and layers that START and all pushes have.
  const lora = started
    ? startingFrom(asked, started.config, layers, {
      what: "model.lora",
      source: adapter ?? "",
    })
    : asked;
  const hash = tokenizerHash(folder);
  const runtime: RuntimeOptions = {
    executionProvider: config.provider,
    precision: config.model.precision,
    intraOpThreads: config.threads,
  };
  return {
    name: pinned === config.model.name_or_path ? basename(folder) : pinned,
    config: modelConfig,
    configJson: readFileSync(join(folder, "config.json"), "utf8"),
    baseModelHash: await baseModelHash(folder),
    tokenizer: hash === "" ? undefined : loadTokenizer(folder),
    tokenizerHash: hash,
    layers,
    lora,
    base: baseWeights("BASE", lora, layers, width),
    start: started
      ? startWeights(adapter ?? "", started, lora, width)
      : baseWeights("START", lora, layers, width),
    createEngine: () => Engine.create({ model: folder, description, lora, runtime }),
  };
}

function startWeights(
  folder: string,
  adapter: PeftAdapter,
  lora: LoraConfig,
  width: number,
): HeldWeights {
  const head = adapter.valueHead ?? initValueHead(width);
  for (const [name, { dims }] of initValueHead(width)) {
    if (`${head.get(name)?.dims}` === `${dims}`) continue;
    throw new InputError(
      `Cannot start from adapter ${folder}: tensor "${name}" is [${
        head.get(name)?.dims.join(", ")
      }], expected [${dims.join(", ")}]`,
    );
  }
  const parameters = new Map<string, Tensor<"float32">>([...adapter.parameters, ...head]);
  const label = { kind: "START", runId: "", version: 0, sha256: digest(parameters) } as const;
  return heldWeights(label, lora, parameters);
}

/** Over the bytes of all tensors in the order of their names. */
function digest(parameters: ReadonlyMap<string, Tensor<"float32">>): Uint8Array {
  const hash = createHash("sha256");
  for (const [, { data }] of [...parameters].sort(([a], [b]) => a < b ? -1 : 1)) {
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest();
}
