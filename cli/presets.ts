import { fileURLToPath } from "node:url";

/** Configurations that come with Decorum, in `config/presets`. */
export const presets = ["flan-t5-detox"] as const;

/** The file of a preset. */
export function presetFile(name: string): string {
  return fileURLToPath(new URL(`../config/presets/${name}.yaml`, import.meta.url));
}
