import { isPinOf, type Resolved } from "@decorum/hub";
import { localSource } from "@decorum/service";
import { mapRunNames, type RunConfig, type TrainerConfig } from "@decorum/settings";
import type { Logger } from "@decorum/telemetry";

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
export async function findSources(
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
