import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { castTensor, readSafetensors, type Tensor, writeSafetensors } from "@decorum/tensor";
import { readJson } from "./config.ts";
import { type Adapter, checkAdapter, type LinearLayers, type LoraConfig } from "./lora.ts";

/** Only plain LoRA: a field that would change the arithmetic must be absent or at its neutral value. */
const schema = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).max(1).default(0),
  target_modules: z.array(z.string()).min(1),
  bias: z.literal("none").default("none"),
  fan_in_fan_out: z.literal(false).default(false),
  use_dora: z.literal(false).default(false),
  use_rslora: z.literal(false).default(false),
  lora_bias: z.literal(false).default(false),
  rank_pattern: z.object({}).strict().default({}),
  alpha_pattern: z.object({}).strict().default({}),
  modules_to_save: z.union([z.null(), z.tuple([])]).default(null),
  layers_to_transform: z.null().default(null),
  exclude_modules: z.null().default(null),
});

export interface PeftAdapter {
  readonly config: LoraConfig;
  readonly parameters: Adapter;
  /** Tensors of the file that are no LoRA matrices: the value head, where one was saved along. */
  readonly rest: ReadonlyMap<string, Tensor<"float32">>;
}

/**
 * Reads a PEFT adapter folder (`adapter_config.json`, `adapter_model.safetensors`).
 *
 * @param layers the base model's linear layers, against which names and shapes are checked
 * @throws TypeError naming file and field or tensor: another kind of adapter, another base.
 */
export function readPeftAdapter(folder: string, layers: LinearLayers): PeftAdapter {
  const configFile = join(folder, "adapter_config.json");
  const parsed = schema.safeParse(readJson(configFile));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((i) => `field "${i.path.join(".")}": ${i.message}`);
    throw new TypeError(
      `Cannot use ${configFile}: ${problems.join("; ")}; only plain LoRA adapters are supported`,
    );
  }
  const config: LoraConfig = {
    r: parsed.data.r,
    loraAlpha: parsed.data.lora_alpha,
    loraDropout: parsed.data.lora_dropout,
    targetModules: parsed.data.target_modules,
  };
  const parameters = new Map<string, Tensor<"float32">>();
  const rest = new Map<string, Tensor<"float32">>();
  for (const [name, value] of readSafetensors(join(folder, "adapter_model.safetensors"))) {
    (name.startsWith("v_head.") ? rest : parameters).set(name, castTensor(value, "float32"));
  }
  checkAdapter(parameters, config, layers, folder);
  return { config, parameters, rest };
}

/**
 * Writes an adapter folder that PEFT loads (`PeftModel.from_pretrained`). Each file appears whole or
 * not at all; the weights are written last.
 *
 * @param base what `base_model_name_or_path` says, where it is known
 */
export function writePeftAdapter(
  folder: string,
  adapter: { readonly config: LoraConfig; readonly parameters: Adapter },
  options: { readonly base?: string; readonly taskType?: "SEQ_2_SEQ_LM" | "SEQ_CLS" } = {},
): void {
  mkdirSync(folder, { recursive: true });
  const { config } = adapter;
  const json = {
    peft_type: "LORA",
    task_type: options.taskType ?? "SEQ_2_SEQ_LM",
    base_model_name_or_path: options.base ?? null,
    inference_mode: true,
    r: config.r,
    lora_alpha: config.loraAlpha,
    lora_dropout: config.loraDropout,
    target_modules: [...config.targetModules],
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_dora: false,
    use_rslora: false,
  };
  const file = join(folder, "adapter_config.json");
  writeFileSync(`${file}.tmp`, JSON.stringify(json, null, 2) + "\n");
  renameSync(`${file}.tmp`, file);
  writeSafetensors(join(folder, "adapter_model.safetensors"), adapter.parameters, { format: "pt" });
}
