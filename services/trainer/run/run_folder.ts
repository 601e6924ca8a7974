import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { openPolicyModel, writePeftAdapter } from "@decorum/models";
import type { Params } from "@decorum/optim";
import { newestCheckpoint, pruneCheckpoints, type WrittenCheckpoint } from "@decorum/learning";
import type { Progress } from "../step/step.ts";
import { readResumePoint, writeResumePoint } from "./checkpoint.ts";
import type { RunTools } from "./run_tools.ts";

type Tools = Pick<RunTools, "config" | "learner">;

/** A run's own folder: its checkpoints and its result. */
export class RunFolder {
  /** @param configHash of the run's configuration, as the version that started the run recorded it */
  constructor(readonly path: string, readonly runId: string, readonly configHash: string) {}

  /**
   * What the last checkpoint holds; undefined where there is none.
   *
   * @param model folder of the base model
   */
  last({ learner }: Pick<Tools, "learner">, model: string) {
    const path = newestCheckpoint(this.#checkpoints);
    if (path === undefined) return undefined;
    const layers = openPolicyModel(model).layers;
    const expected = { runId: this.runId, configHash: this.configHash, layers };
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
      { runId: this.runId, configHash: this.configHash },
      { lora: learner.options.lora, base: config.model.name_or_path },
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
      config: learner.options.lora,
      parameters,
      ...(valueHead ? { valueHead } : {}),
    };
    writePeftAdapter(join(this.path, "adapter"), adapter, { base: config.model.name_or_path });
  }

  get #checkpoints(): string {
    return join(this.path, "checkpoints");
  }
}
