import { isPinOf, type Resolved } from "@decorum/hub";
import type { Logger } from "@decorum/telemetry";
import { localSource } from "@decorum/service";
import type { RunConfig, TrainerConfig } from "@decorum/settings";

/** Where on this machine lies what a run's configuration names. */
export interface RunSources {
  readonly model: string;
  readonly startAdapter: string | null;
  readonly train: string;
  readonly eval: string | null;
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
  const find = async (setting: string, kind: "model" | "file") =>
    await localSource(setting, allowed, logger, kind);
  const maybe = async (setting: string | null, kind: "model" | "file"): Promise<Resolved | null> =>
    setting === null ? null : await find(setting, kind);
  const { data } = config;
  const model = await find(config.model.name_or_path, "model");
  const adapter = await maybe(config.model.start_adapter, "model");
  const train = await find(data.train, "file");
  const held = await maybe(data.eval, "file");
  return {
    config: {
      ...config,
      model: {
        ...config.model,
        name_or_path: model.pinned,
        start_adapter: adapter?.pinned ?? null,
      },
      data: { ...data, train: train.pinned, eval: held?.pinned ?? null },
    },
    sources: {
      model: model.path,
      startAdapter: adapter?.path ?? null,
      train: train.path,
      eval: held?.path ?? null,
    },
  };
}

/** `wanted`, with the pins of `recorded` where both mean the same repository: what a restarted run uses. */
export function withPinsOf(recorded: RunConfig, wanted: RunConfig): RunConfig {
  const pin = <T extends string | null>(from: T, to: T): T =>
    from !== null && to !== null && isPinOf(from, to) ? from : to;
  return {
    ...wanted,
    model: {
      ...wanted.model,
      name_or_path: pin(recorded.model.name_or_path, wanted.model.name_or_path),
      start_adapter: pin(recorded.model.start_adapter, wanted.model.start_adapter),
    },
    data: {
      ...wanted.data,
      train: pin(recorded.data.train, wanted.data.train),
      eval: pin(recorded.data.eval, wanted.data.eval),
    },
  };
}
