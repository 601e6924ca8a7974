import { InputError, type JsonObject } from "@decorum/tensor";
import { z } from "zod";
import { type Adapter, type LinearLayers, type LoraConfig, loraKey, targetLayers } from "./lora.ts";

/** A field that would change the arithmetic: absent, null, or one of its neutral values, as JSON. */
function neutral(...json: readonly string[]) {
  const allowed = ["null", ...json];
  return z.unknown().refine(
    (found) => found === undefined || allowed.includes(JSON.stringify(found)),
    { error: `not supported; expected ${allowed.join(" or ")}` },
  ).optional();
}

/** Plain LoRA of linear layers, with any of PEFT's ways to initialise it. */
export const peftConfig = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.string(), z.array(z.string())], {
    error: "expected names of linear layers, or one regular expression",
  }).nullish(),
  use_rslora: z.boolean().nullish(),
  rank_pattern: z.record(z.string(), z.int().positive()).nullish(),
  alpha_pattern: z.record(z.string(), z.number().positive()).nullish(),
  // These two say which layers have an adapter; the file shows it.
  layers_to_transform: z.unknown().optional(),
  exclude_modules: z.unknown().optional(),
  modules_to_save: z.array(z.string()).nullish(),
  alora_invocation_tokens: neutral(),
  arrow_config: neutral(),
  bias: neutral('"none"'),
  fan_in_fan_out: neutral("false"),
  // Other ways change the base's weights when PEFT loads the adapter (PiSSA, OLoRA, CorDA, LoftQ).
  init_lora_weights: neutral("true", "false", '"gaussian"', '"eva"', '"orthogonal"'),
  kasa_config: neutral(),
  layer_replication: neutral(),
  lora_bias: neutral("false"),
  monteclora_config: neutral(),
  target_parameters: neutral("[]"),
  trainable_token_indices: neutral(),
  use_bdlora: neutral(),
  use_dora: neutral("false"),
  use_qalora: neutral("false"),
  velora_config: neutral(),
});

export type PeftConfig = z.infer<typeof peftConfig>;

/** Whether a weight or layer lies in a saved module, whose name ends with one of `modules`, as in PEFT. */
export function isSaved(key: string, modules: PeftConfig["modules_to_save"]): boolean {
  const parts = key.split(".");
  return parts.some((_, i) =>
    modules?.some((module) => parts.slice(0, i + 1).join(".").endsWith(module))
  );
}

/** What the tensors and the configuration say together. */
export function configOf(
  json: PeftConfig,
  matrices: Adapter,
  layers: LinearLayers,
  { configFile, file }: { readonly configFile: string; readonly file: string },
): LoraConfig {
  const { r, lora_alpha, use_rslora } = json;
  const adapted = [...layers.keys()].filter((layer) =>
    matrices.has(loraKey(layer, "A")) || matrices.has(loraKey(layer, "B"))
  );
  if (adapted.length === 0) {
    throw new InputError(
      `Cannot use adapter ${file}: none of its ${matrices.size} tensors (first: ${
        JSON.stringify(matrices.keys().next().value ?? "none")
      }) belongs to one of the base's ${layers.size} linear layers (first: "${
        loraKey(layers.keys().next().value ?? "", "A")
      }")`,
    );
  }
  const rankOf = patternOf(json.rank_pattern, `field "rank_pattern" of ${configFile}`);
  const alphaOf = patternOf(json.alpha_pattern, `field "alpha_pattern" of ${configFile}`);
  const effective = (alpha: number, rank: number) => use_rslora ? alpha * Math.sqrt(rank) : alpha;
  const loraAlpha = effective(lora_alpha, r);
  const ranks: Record<string, number> = {};
  const alphas: Record<string, number> = {};
  for (const layer of adapted) {
    const rank = rankOf(layer) ?? r;
    const alpha = effective(alphaOf(layer) ?? lora_alpha, rank);
    if (rank !== r) ranks[layer] = rank;
    if (alpha !== loraAlpha) alphas[layer] = alpha;
  }
  return {
    r,
    loraAlpha,
    loraDropout: json.lora_dropout,
    targetModules: targetsOf(json, adapted, layers),
    ...(Object.keys(ranks).length > 0 ? { rankPattern: ranks } : {}),
    ...(Object.keys(alphas).length > 0 ? { alphaPattern: alphas } : {}),
  };
}

/**
 * The names of the configuration that the base has, as in PEFT, where they stand for the layers in the file; else the
 * layers themselves. All layers of a plain list must be in the file, but for those of saved modules.
 */
function targetsOf(
  { target_modules: targets, layers_to_transform, exclude_modules, modules_to_save }: PeftConfig,
  adapted: readonly string[],
  layers: LinearLayers,
): readonly string[] {
  if (!Array.isArray(targets)) return adapted;
  const names = [...layers.keys()];
  const known = targets.filter((target) =>
    names.some((layer) => layer === target || layer.endsWith(`.${target}`))
  );
  if (known.length === 0) return adapted;
  const all = targetLayers({ r: 1, loraAlpha: 1, loraDropout: 0, targetModules: known }, layers);
  if (all.join() === adapted.join()) return known;
  const learned = all.filter((layer) => !isSaved(layer, modules_to_save));
  if (learned.join() === adapted.join()) return adapted;
  const some = (layers_to_transform ?? null) !== null || (exclude_modules ?? null) !== null;
  return some ? adapted : known;
}

/**
 * The value of the first pattern that a layer's name ends with, as PEFT (`get_pattern_key`).
 *
 * @param field names it in messages
 */
function patternOf(
  patterns: Readonly<Record<string, number>> | null | undefined,
  field: string,
): (layer: string) => number | undefined {
  const rules = Object.entries(patterns ?? {}).map(([pattern, value]) => ({
    matches: pythonRegex(`(.*\\.)?(${pattern})$`, `pattern ${JSON.stringify(pattern)} of ${field}`),
    value,
  }));
  return (layer) => rules.find(({ matches }) => matches.test(layer))?.value;
}

/** A regular expression of Python that must match from the start on. @throws InputError for what JavaScript has not */
function pythonRegex(pattern: string, what: string): RegExp {
  const translated = pattern.replaceAll("(?P<", "(?<").replaceAll(/\(\?P=(\w+)\)/g, "\\k<$1>")
    .replaceAll("\\A", "^").replaceAll("\\Z", "$");
  try {
    return new RegExp(`^(?:${translated})`, "u");
  } catch (cause) {
    throw new InputError(
      `Cannot use ${what}: as a regular expression it is ${(cause as Error).message}; ` +
        "expected what Python and JavaScript write alike, list the layers' names instead",
      { cause },
    );
  }
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
    alpha_pattern: config.alphaPattern ?? {},
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
    rank_pattern: config.rankPattern ?? {},
    target_modules: [...config.targetModules],
    task_type: null,
    use_dora: false,
    use_rslora: false,
  };
}
