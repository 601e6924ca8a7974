import process from "node:process";
import { z } from "zod";
import { loadConfig } from "@decorum/settings";

/** Something that a configuration names, which may have to come from the hub first. */
export interface NamedSource {
  /** The setting, as `policy.model`. */
  readonly setting: string;
  readonly name: string;
  readonly kind: "model" | "onnx" | "file";
}

/** The settings that name models and data. */
const SETTINGS = [
  ["policy.model", "model"],
  ["policy.start_adapter", "model"],
  ["reward.model", "model"],
  ["evaluator.toxicity.model", "model"],
  ["evaluator.judge.model", "onnx"],
  ["trainer.model", "model"],
  ["trainer.start_adapter", "model"],
  ["trainer.data.train", "file"],
  ["trainer.data.eval", "file"],
] as const;

/**
 * What a configuration names, of all services or of one; the services themselves check the rest of it.
 *
 * @throws ConfigError for a file that cannot be read
 */
export function namedSources(
  sources: { readonly config: string; readonly set: readonly string[]; readonly service?: string },
): NamedSource[] {
  const config = loadConfig(z.looseObject({}), {
    file: sources.config,
    env: process.env,
    set: sources.set,
  });
  return SETTINGS.flatMap(([setting, kind]) => {
    const path = setting.split(".");
    if (sources.service !== undefined && path[0] !== sources.service) return [];
    const name = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], config);
    return typeof name === "string" && name !== "" ? [{ setting, name, kind }] : [];
  });
}
