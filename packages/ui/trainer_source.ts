import { type RpcClient, RpcError, type trainerService, type trainerV1 } from "@decorum/rpc";
import { type EventKind, recordedEvaluation, type RunState } from "@decorum/runs";
import {
  headline,
  MOST_EVENTS,
  MOST_RUNS,
  type RunControls,
  type RunSource,
  type RunSummary,
} from "./source.ts";

type TrainerClient = RpcClient<typeof trainerService>;

/** Milliseconds for which a list of runs is good: it comes over a network. */
const KEEP_MS = 1500;

/** The runs of a trainer, through its API: what a page on another machine shows. */
export function trainerSource(trainer: TrainerClient): RunSource {
  let kept: { readonly at: number; readonly runs: Promise<readonly RunSummary[]> } | undefined;
  const list = async () => {
    const { runs } = await trainer.listRuns({ limit: MOST_RUNS });
    return runs.map(summaryOf);
  };
  return {
    name: `trainer ${trainer.address}`,
    older: () => false,
    runs() {
      if (!kept || Date.now() - kept.at > KEEP_MS) kept = { at: Date.now(), runs: list() };
      return kept.runs;
    },
    async run(runId) {
      const found = await trainer.getRun({ runId }).catch(noneFor("NOT_FOUND"));
      if (!found?.run) return undefined;
      const { configJson, metricNames } = found;
      return { ...summaryOf(found.run), config: JSON.parse(configJson) as unknown, metricNames };
    },
    async curves(runId, { names, points, from = 1, width = 0 }) {
      const request = { runId, names: [...names], points, fromStep: from, width };
      const { fromStep, curves, ...rest } = await trainer.getCurves(request);
      return {
        ...{ ...rest, from: fromStep },
        curves: curves.map(({ name, mean, min, max }) => ({
          ...{ name, mean: mean.map(orNull), min: min.map(orNull), max: max.map(orNull) },
        })),
      };
    },
    async samples(runId, step) {
      const { samples } = await trainer.getSamples({ runId, step });
      return samples.map(({ prompt, response, score, tokens, scores }) => ({
        ...{ prompt, response, score, scores },
        ...(tokens === undefined ? {} : { tokens }),
      }));
    },
    async evaluations(runId) {
      const { evaluations } = await trainer.listEvaluations({ runId });
      return evaluations.map(({ step, unixMs, resultJson }) => ({
        ...{ step, unixMs, result: recordedEvaluation(resultJson) },
      }));
    },
    async events(runId) {
      const { events } = await trainer.listEvents({ runId, limit: MOST_EVENTS });
      return events.map(({ kind, ...rest }) => ({ ...rest, kind: kind as EventKind }));
    },
    [Symbol.dispose]() {},
  };
}

/** What can be asked of the runs of a trainer, through its API. */
export function trainerControls(trainer: TrainerClient): RunControls {
  return {
    pause: async (runId) => void await trainer.pause({ runId }),
    resume: async (runId) => void await trainer.resume({ runId }),
    checkpoint: async (runId) => void await trainer.checkpoint({ runId }),
    stop: async (runId) => void await trainer.stop({ runId }),
  };
}

function summaryOf(run: trainerV1.Run__Output): RunSummary {
  const { state, startedUnixMs, endedUnixMs, metrics, ...rest } = run;
  return {
    ...rest,
    state: state.replace("RUN_STATE_", "") as RunState,
    startedMs: startedUnixMs,
    endedMs: endedUnixMs,
    metrics: Object.fromEntries(
      headline.flatMap((name) => metrics[name] === undefined ? [] : [[name, metrics[name]]]),
    ),
  };
}

/** A handler that makes undefined of an error of this code. */
function noneFor(code: RpcError["code"]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof RpcError && error.code === code) return undefined;
    throw error;
  };
}

const orNull = (value: number) => Number.isNaN(value) ? null : value;
