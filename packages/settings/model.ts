import { z } from "zod";
import type { LoraConfig } from "@decorum/models";
import { name, positive, precision } from "./service.ts";

/** The section `model`: what policy, trainer and learners have in common. */
export const modelSection = z.strictObject({
  name_or_path: name.meta({
    description:
      "The base model: a Hugging Face folder of an encoder-decoder model (docs/models.md lists the families), or its name on the hub (`owner/name[@revision]`).",
    kind: "model",
    examples: ["google/flan-t5-base"],
  }),
  start_adapter: name.nullable().default(null).meta({
    description:
      "A PEFT adapter that training starts from, and the reference of the KL penalty. null: a new adapter on the base.",
    kind: "model",
  }),
  precision: precision.describe(
    "What policy, trainer and learners compute in. bf16 needs provider cuda.",
  ),
  lora: z.strictObject({
    r: positive.default(32).describe("Rank."),
    lora_alpha: z.number().positive().default(32)
      .describe("Scale of the adapter: its product is multiplied by lora_alpha / r."),
    lora_dropout: z.number().min(0).lt(1).default(0.05).describe(
      "Written into the adapter for PEFT. Reinforcement learning itself drops nothing: " +
        "every forward pass gives log-probabilities that are used.",
    ),
    target_modules: z.array(name).min(1).default(["q", "v"])
      .describe("Linear layers that get an adapter, by the last part of their name."),
  }).prefault({}).describe("The adapter that is trained and served, in PEFT's names."),
}).describe("The model that is trained. Policy, trainer and learners read it here.");

export type ModelConfig = z.infer<typeof modelSection>;

/** `model.lora` as `@decorum/models` takes it. */
export function loraConfigOf(
  { model: { lora } }: { readonly model: Pick<ModelConfig, "lora"> },
): LoraConfig {
  return {
    r: lora.r,
    loraAlpha: lora.lora_alpha,
    loraDropout: lora.lora_dropout,
    targetModules: lora.target_modules,
  };
}
