import { InputError } from "@decorum/tensor";
import { z } from "zod";
import { type JsonObject, parseJson } from "./config.ts";
import { type LinearLayers, type LoraConfig, targetLayers } from "./lora.ts";

/** A field that would change the arithmetic: absent, null, or one of its neutral values, as JSON. */
function neutral(...json: readonly string[]) {
  const allowed = ["null", ...json];
  return z.unknown().refine(
    (found) => found === undefined || allowed.includes(JSON.stringify(found)),
    { error: `not supported; expected ${allowed.join(" or ")}` },
  ).optional();
}

/** Plain LoRA of linear layers, with any of PEFT's ways to initialise it. */
const schema = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.string().min(1), z.array(z.string()).min(1)], {
    error: "expected names of linear layers, or one regular expression",
  }),
  use_rslora: z.boolean().nullish(),
  alora_invocation_tokens: neutral(),
  alpha_pattern: neutral("{}"),
  arrow_config: neutral(),
  bias: neutral('"none"'),
  exclude_modules: neutral("[]"),
  fan_in_fan_out: neutral("false"),
  // Other ways change the base's weights when PEFT loads the adapter (PiSSA, OLoRA, CorDA, LoftQ).
  init_lora_weights: neutral("true", "false", '"gaussian"', '"eva"', '"orthogonal"'),
  kasa_config: neutral(),
  layer_replication: neutral(),
  layers_to_transform: neutral(),
  lora_bias: neutral("false"),
  modules_to_save: neutral("[]"),
  monteclora_config: neutral(),
  rank_pattern: neutral("{}"),
  target_parameters: neutral("[]"),
  trainable_token_indices: neutral(),
  use_bdlora: neutral(),
  use_dora: neutral("false"),
  use_qalora: neutral("false"),
  velora_config: neutral(),
});

/**
 * The LoRA configuration of PEFT's `adapter_config.json`. A regular expression becomes the names of the
 * layers it matches as a whole, as in PEFT (`check_target_module_exists`); rank-stabilised scaling
 * (alpha / sqrt(r)) becomes the alpha that gives it.
 *
 * @param layers the base model's linear layers
 * @throws InputError naming the file and every field that is missing, wrong, or asks for more than plain
 * LoRA; InputError when a target names no linear layer of the base
 */
export function parsePeftConfig(
  json: JsonObject,
  source: string,
  layers: LinearLayers,
): LoraConfig {
  const parsed = parseJson(json, source, schema);
  const { r, lora_alpha, use_rslora, target_modules: targets } = parsed;
  const config: LoraConfig = {
    r,
    loraAlpha: use_rslora ? lora_alpha * Math.sqrt(r) : lora_alpha,
    loraDropout: parsed.lora_dropout,
    targetModules: typeof targets === "string" ? matching(targets, layers, source) : targets,
  };
  targetLayers(config, layers, source);
  return config;
}

function matching(pattern: string, layers: LinearLayers, source: string): string[] {
  const field = `Cannot use ${source}: field "target_modules" is ${JSON.stringify(pattern)}`;
  if (pattern.toLowerCase() === "all-linear") {
    throw new InputError(
      `${field}, which is not supported: PEFT itself saves the names it stands for; list them`,
    );
  }
  let whole: RegExp;
  try {
    whole = new RegExp(`^(?:${pattern})$`, "u");
  } catch (cause) {
    throw new InputError(
      `${field}: as a regular expression it is ${
        (cause as Error).message
      }; only what Python and JavaScript write alike is supported, list the names instead`,
      { cause },
    );
  }
  const names = [...layers.keys()].filter((layer) => whole.test(layer));
  if (names.length > 0) return names;
  throw new InputError(
    `${field}, which matches none of the base's ${layers.size} linear layers (first: "${layers.keys().next().value}")`,
  );
}

/**
 * `adapter_config.json` of an adapter, as PEFT reads it.
 *
 * No task type, as PEFT writes it where it was given none: a `PeftModel` without one only adds the adapter.
 * SEQ_2_SEQ_LM does not load (PEFT 0.21 with transformers 5 asks for a method that is gone), and SEQ_CLS adds a
 * copy of the classifier to what the file must hold.
 */
export function peftConfigJson(
  config: LoraConfig,
  options: { readonly base?: string } = {},
): JsonObject {
  return {
    alpha_pattern: {},
    base_model_name_or_path: options.base ?? null,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: config.loraAlpha,
    lora_dropout: config.loraDropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.r,
    rank_pattern: {},
    target_modules: [...config.targetModules],
    task_type: null,
    use_dora: false,
    use_rslora: false,
  };
}
