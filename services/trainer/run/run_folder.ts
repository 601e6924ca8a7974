import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { openPolicyModel, writePeftAdapter } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { newestCheckpoint, pruneCheckpoints, type WrittenCheckpoint } from "@decorum/learning";
import { type Progress, readResumePoint, writeResumePoint } from "./checkpoint.ts";
import { configHash, loraConfigOf } from "@decorum/settings";
import type { RunTools } from "./run_setup.ts";

type Tools = Pick<RunTools, "config" | "learner">;

/** A run's own folder: its checkpoints and its result. */
export class RunFolder {
  constructor(readonly path: string, readonly runId: string) {}

  /**
   * What the last checkpoint holds; undefined where there is none.
   *
   * @param model folder of the base model
   */
  last({ config, learner }: Tools, model: string) {
    const path = newestCheckpoint(this.#checkpoints);
    if (path === undefined) return undefined;
    const layers = openPolicyModel(model).layers;
    const expected = { runId: this.runId, configHash: configHash(config), layers };
    return { name: basename(path), ...readResumePoint(path, expected, learner.state()) };
  }

  /** Writes a checkpoint. @param generator see `ResumePoint` */
  keep(
    { config, learner }: Tools,
    progress: Progress,
    generator: Params | undefined,
  ): WrittenCheckpoint {
    mkdirSync(this.#checkpoints, { recursive: true });
    return writeResumePoint(
      this.#checkpoints,
      { progress, learner: learner.state(), generator },
      { runId: this.runId, configHash: configHash(config) },
      { lora: loraConfigOf(config), base: config.model },
    );
  }

  /** Removes all but the newest checkpoints. */
  prune(keep: number): void {
    pruneCheckpoints(this.#checkpoints, keep);
  }

  /** The run's result, where people look for it. */
  writeAdapter({ learner, config }: Tools): void {
    const { adapter: parameters, valueHead } = learner;
    const adapter = {
      config: loraConfigOf(config),
      parameters,
      ...(valueHead ? { valueHead } : {}),
    };
    writePeftAdapter(join(this.path, "adapter"), adapter, { base: config.model });
  }

  get #checkpoints(): string {
    return join(this.path, "checkpoints");
  }
}
