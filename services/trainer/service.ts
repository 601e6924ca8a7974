import {
  audited,
  type CallContext,
  implement,
  type ServiceImplementation,
  trainerService,
  type trainerV1,
} from "@decorum/rpc";
import type { LogFields } from "@decorum/telemetry";
import type { RunRow } from "@decorum/runs";
import type { RunControls } from "@decorum/ui";
import { shownRunConfig } from "@decorum/settings";
import type { Trainer } from "./run/trainer.ts";
import { watchRun } from "./run/watch.ts";

/** Points of a curve, and events, where a request names no number. */
const POINTS = 400;
const EVENTS = 500;

/** The trainer over gRPC: messages to requests of {@link Trainer}, and back. */
export function trainerServiceOf(trainer: Trainer): ServiceImplementation {
  const { store, options: { logger } } = trainer;
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
  /** Every call that changes what the trainer does is audited. */
  const control = <T>(
    call: CallContext,
    runId: string,
    work: () => T | Promise<T>,
    describe: (result: T) => LogFields,
  ) => audited({ logger, call, fields: { run_id: runId.slice(0, 128) }, describe }, work);
  const state = (row: RunRow): LogFields => ({
    ...{ run_id: row.runId, state: row.state, step: row.step },
    ...{ version: row.weightsVersion, config_hash: row.configHash },
  });
  return implement(trainerService, {
    async startRun(request, call) {
      return {
        run: runOf(await control(call, request.runId, () => trainer.start(request), state)),
      };
    },
    getRun({ runId }) {
      const row = trainer.run(trainer.idOf(runId));
      return Promise.resolve({
        run: runOf(row),
        configJson: JSON.stringify(shownRunConfig(row.configJson)),
        metricNames: store.metricNames(row.runId),
      });
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
    async pause({ runId }, call) {
      return { run: runOf(await control(call, runId, () => trainer.pause(runId), state)) };
    },
    async resume({ runId }, call) {
      return { run: runOf(await control(call, runId, () => trainer.resume(runId), state)) };
    },
    async checkpoint({ runId }, call) {
      const write = () => trainer.checkpoint(runId);
      return { ...await control(call, runId, write, (written) => ({ ...written })) };
    },
    async stop({ runId, skipCheckpoint }, call) {
      const stop = () => trainer.stop(runId, skipCheckpoint);
      return { run: runOf(await control(call, runId, stop, state)) };
    },
    getCurves({ runId, names, points, fromStep, width }) {
      const query = { names, points: points || POINTS, from: fromStep || 1, width };
      const { from, curves, ...rest } = store.curves(trainer.idOf(runId), query);
      return Promise.resolve({
        ...{ ...rest, steps: [...rest.steps], unixMs: [...rest.unixMs], fromStep: from },
        curves: curves.map(({ name, mean, min, max }) => ({
          ...{ name, mean: mean.map(orNaN), min: min.map(orNaN), max: max.map(orNaN) },
        })),
      });
    },
    getSamples({ runId, step }) {
      const samples = store.samples(trainer.idOf(runId), step);
      return Promise.resolve({
        samples: samples.map(({ scores, ...rest }) => ({ ...rest, scores: { ...scores } })),
      });
    },
    listEvaluations({ runId }) {
      const evaluations = store.evaluations(trainer.idOf(runId));
      return Promise.resolve({
        evaluations: evaluations.map(({ step, unixMs, result }) => ({
          ...{ step, unixMs, resultJson: JSON.stringify(result) },
        })),
      });
    },
    listEvents({ runId, limit }) {
      const events = store.events(trainer.idOf(runId), 0, limit || EVENTS);
      return Promise.resolve({ events: events.map((event) => ({ ...event })) });
    },
  });
}

const orNaN = (value: number | null) => value ?? NaN;

/** What a page may ask of a trainer in this process. */
export function controlsOf(trainer: Trainer): RunControls {
  return {
    pause: async (runId) => void await trainer.pause(runId),
    resume: (runId) => Promise.resolve(void trainer.resume(runId)),
    checkpoint: async (runId) => void await trainer.checkpoint(runId),
    stop: async (runId) => void await trainer.stop(runId, false),
  };
}
