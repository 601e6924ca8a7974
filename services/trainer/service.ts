import { ConfigError } from "@decorum/config";
import {
  implement,
  type ServiceImplementation,
  trainerService,
  type trainerV1,
} from "@decorum/rpc";
import type { RunRow } from "./run_store.ts";
import type { Trainer } from "./trainer.ts";
import { watchRun } from "./watch.ts";

/** The trainer over gRPC: messages to requests of {@link Trainer}, and back. */
export function trainerServiceOf(trainer: Trainer): ServiceImplementation {
  const { store } = trainer;
  const runOf = (row: RunRow): trainerV1.Run => ({
    runId: row.runId,
    state: `RUN_STATE_${row.state}`,
    step: row.step,
    totalSteps: row.totalSteps,
    startedUnixMs: row.startedMs,
    endedUnixMs: row.endedMs,
    weightsVersion: row.weightsVersion,
    configHash: row.configHash,
    metrics: { ...store.metrics(row.runId, row.step) },
    message: row.message,
    checkpointStep: row.checkpointStep,
  });
  return implement(trainerService, {
    async startRun(request) {
      return { run: runOf(await badInput(() => trainer.start(request))) };
    },
    getRun({ runId }) {
      const row = trainer.run(trainer.idOf(runId));
      return Promise.resolve({ run: runOf(row), configJson: row.configJson });
    },
    listRuns({ limit, startedBeforeUnixMs }) {
      return Promise.resolve({ runs: trainer.runs(limit, startedBeforeUnixMs).map(runOf) });
    },
    async *watchMetrics({ runId, fromStep }, { signal }) {
      const id = trainer.idOf(runId);
      for await (const update of watchRun(trainer, id, fromStep, signal)) {
        yield { ...update, metrics: { ...update.metrics }, state: `RUN_STATE_${update.state}` };
      }
    },
    async pause({ runId }) {
      return { run: runOf(await trainer.pause(runId)) };
    },
    resume({ runId }) {
      return Promise.resolve({ run: runOf(trainer.resume(runId)) });
    },
    async checkpoint({ runId }) {
      return { ...await trainer.checkpoint(runId) };
    },
    async stop({ runId, skipCheckpoint }) {
      return { run: runOf(await trainer.stop(runId, skipCheckpoint)) };
    },
  });
}

/** What is wrong with a configuration or its files is the caller's to know, whatever it was thrown as. */
async function badInput<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const ours = error instanceof ConfigError || error instanceof SyntaxError ||
      (error instanceof Error && error.message.startsWith("Cannot ") && error.name === "Error");
    throw ours ? new TypeError(error.message, { cause: error }) : error;
  }
}
