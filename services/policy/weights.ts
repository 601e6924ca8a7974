import {
  adapterShapes,
  initValueHead,
  type LinearLayers,
  type LoraConfig,
  loraScaling,
} from "@decorum/models";
import { aborted, failedPrecondition, notFound } from "@decorum/rpc";
import { float32, type Tensor, zeros } from "@decorum/tensor";

/** Names weights, as in every answer. */
export interface WeightsLabel {
  readonly kind: "BASE" | "START" | "VERSION";
  /** Empty for BASE, and for a START that came with the configuration. */
  readonly runId: string;
  /** 1 and up for VERSION, else 0. */
  readonly version: number;
  /** SHA-256 over the tensors' bytes; empty for the base. */
  readonly sha256: Uint8Array;
}

/** Weights that a batch may use; never changed once made, so a batch that began with them ends with them. */
export interface HeldWeights {
  readonly label: WeightsLabel;
  /** Adapter, `lora_scale` and value head by the names of the graphs' inputs. */
  readonly feeds: Readonly<Record<string, Tensor>>;
}

/** "version 3 of run r1", for messages. */
export function describeWeights({ kind, runId, version }: WeightsLabel): string {
  if (kind === "VERSION") return `version ${version} of run ${JSON.stringify(runId)}`;
  return runId === "" ? kind : `${kind} of run ${JSON.stringify(runId)}`;
}

/** @param parameters of adapter and value head, under the checkpoint's own keys */
export function heldWeights(
  label: WeightsLabel,
  lora: LoraConfig,
  parameters: ReadonlyMap<string, Tensor<"float32">>,
): HeldWeights {
  const scale = float32([], [loraScaling(lora)]);
  return { label, feeds: { ...Object.fromEntries(parameters), lora_scale: scale } };
}

/** The base model alone: an adapter of zeros, turned off, and values of 0. */
export function baseWeights(
  kind: "BASE" | "START",
  lora: LoraConfig,
  layers: LinearLayers,
  width: number,
): HeldWeights {
  const shapes = adapterShapes(lora, layers);
  const adapter = [...shapes].map(([name, dims]) => [name, zeros("float32", dims)] as const);
  return {
    label: { kind, runId: "", version: 0, sha256: new Uint8Array() },
    feeds: {
      ...Object.fromEntries(adapter),
      ...Object.fromEntries(initValueHead(width)),
      lora_scale: float32([], [0]),
    },
  };
}

/** What is held of one run. */
interface Run {
  /** Replaces the configured START, where the run pushed one. */
  start: HeldWeights | undefined;
  /** The oldest first; versions are not gapless after a rollback or a restart. */
  versions: HeldWeights[];
}

/** Which weights a request wants; an empty `runId` is the run that pushed last. */
export type Selector =
  | { readonly kind: "BASE" }
  | { readonly kind: "START" | "NEWEST"; readonly runId: string }
  | { readonly kind: "VERSION"; readonly runId: string; readonly version: number };

/** What a push found when it began; it may commit only while that is still so. */
export interface Precondition {
  readonly runId: string;
  /** The run's newest weights; undefined where it had no version. */
  readonly newest: HeldWeights | undefined;
}

/** Weights by run and version. Weights are immutable: a swap is the change of one entry, between two batches. */
export class WeightsStore {
  readonly #runs = new Map<string, Run>();

  constructor(
    readonly base: HeldWeights,
    readonly start: HeldWeights,
    readonly keep: { readonly versions: number; readonly runs: number },
  ) {}

  /** @throws StatusError NOT_FOUND, naming what there is. */
  resolve(selector: Selector): HeldWeights {
    if (selector.kind === "BASE") return this.base;
    const runId = selector.runId || this.#lastRun();
    const run = runId === undefined ? undefined : this.#runs.get(runId);
    switch (selector.kind) {
      case "START":
        return run?.start ?? this.start;
      case "NEWEST":
        return run?.versions.at(-1) ?? run?.start ?? this.start;
      case "VERSION": {
        const { version } = selector;
        const found = run?.versions.find(({ label }) => label.version === version);
        if (found) return found;
        const held = run?.versions.map(({ label }) => label.version) ?? [];
        throw notFound(
          `Cannot use version ${version} of run ${JSON.stringify(runId ?? "")}: ` +
            (run
              ? `versions held of it are ${held.join(", ") || "none"}`
              : "nothing was pushed for this run since the policy started; push its weights again"),
        );
      }
    }
  }

  /** START of a run: what its reference log-probabilities are of. */
  startOf(runId: string): HeldWeights {
    return this.resolve({ kind: "START", runId });
  }

  /** The newest of a run, and all a request may name. @throws StatusError NOT_FOUND for an unknown run. */
  list(runId: string): { current: HeldWeights; held: HeldWeights[] } {
    if (runId !== "") this.#known(runId);
    const runs = runId === "" ? [...this.#runs.values()] : [this.#known(runId)];
    return {
      current: this.resolve({ kind: "NEWEST", runId }),
      held: [
        this.base,
        this.start,
        ...runs.flatMap(({ start, versions }) => [...(start ? [start] : []), ...versions]),
      ],
    };
  }

  /**
   * Whether a push that expects `version` may begin. Where no version is held, any will do: this process has
   * begun since the run's last push.
   *
   * @param any true: any version will do, as for a push that restarts the run
   * @throws StatusError FAILED_PRECONDITION naming both versions
   */
  begin(runId: string, version: number, any: boolean): Precondition {
    const newest = this.#runs.get(runId)?.versions.at(-1);
    const present = newest?.label.version;
    if (present !== undefined && !any && version !== present) {
      throw failedPrecondition(
        `Cannot push on version ${version} of run ${
          JSON.stringify(runId)
        }: its newest is ${present}` +
          (version < present ? "; a trainer that resumed from an older step sets restart" : ""),
      );
    }
    return { runId, newest };
  }

  /**
   * Makes `weights` the newest of their run, or its START.
   *
   * @param replace forget the versions that the run has
   * @throws StatusError ABORTED when the run is no longer what `found` says
   */
  commit(weights: HeldWeights, found: Precondition, replace: boolean): void {
    const { runId } = found;
    const before = this.#runs.get(runId);
    const newest = before?.versions.at(-1);
    if (newest !== found.newest) {
      throw aborted(
        `Cannot commit ${describeWeights(weights.label)}: since the push began its newest became ${
          newest ? describeWeights(newest.label) : "START"
        }`,
      );
    }
    const run: Run = before ?? { start: undefined, versions: [] };
    if (replace) run.versions = [];
    if (weights.label.kind === "START") run.start = weights;
    else run.versions = [...run.versions, weights].slice(-this.keep.versions);
    // The last entry is the run that pushed last.
    this.#runs.delete(runId);
    this.#runs.set(runId, run);
    for (const oldest of [...this.#runs.keys()].slice(0, -this.keep.runs)) {
      this.#runs.delete(oldest);
    }
  }

  /**
   * Drops the newest version of a run.
   *
   * @returns the version before it
   * @throws StatusError NOT_FOUND for an unknown run, ABORTED for another newest version,
   * FAILED_PRECONDITION where none is kept before it
   */
  rollback(runId: string, expected: number): HeldWeights {
    const run = this.#known(runId);
    const present = run.versions.at(-1)?.label.version ?? 0;
    const what = `Cannot roll back version ${expected} of run ${JSON.stringify(runId)}`;
    if (present !== expected) throw aborted(`${what}: its newest is ${present}`);
    const previous = run.versions.at(-2);
    if (previous === undefined) {
      throw failedPrecondition(
        `${what}: no version before it is kept (${this.keep.versions} of a run are)`,
      );
    }
    run.versions = run.versions.slice(0, -1);
    return previous;
  }

  #lastRun(): string | undefined {
    return [...this.#runs.keys()].at(-1);
  }

  #known(runId: string): Run {
    const run = this.#runs.get(runId);
    if (run) return run;
    throw notFound(
      `Cannot find run ${
        JSON.stringify(runId)
      }: nothing was pushed for it since the policy started`,
    );
  }
}
