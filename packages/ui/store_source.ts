import { shownRunConfig } from "@decorum/settings";
import { statSync } from "node:fs";
import { join } from "node:path";
import { isActive, RunReader, type RunRow, STORE_FILE } from "@decorum/runs";
import { headline, MOST_EVENTS, MOST_RUNS, type RunSource, type RunSummary } from "./source.ts";

/**
 * The runs of a folder, read from its store, which another process may write meanwhile. Nothing is opened before it
 * is asked for; a store that is missing, locked or damaged now may be there the next time.
 */
export function storeSource(folder: string): RunSource {
  let open: { readonly reader: RunReader; readonly file: string } | undefined;
  /** The list as it was read last, without what is not in the store. */
  let known: { readonly version: number; readonly runs: readonly RunSummary[] } | undefined;

  const close = () => {
    open?.reader.close();
    open = known = undefined;
  };
  /** Reads; a reader that failed is not used again. */
  const read = <T>(work: (reader: RunReader) => T): Promise<T> => {
    try {
      const file = identityOf(join(folder, STORE_FILE));
      if (open?.file !== file) close();
      open ??= { reader: RunReader.open(folder), file };
      return Promise.resolve(work(open.reader));
    } catch (error) {
      close();
      return Promise.reject(error);
    }
  };
  /** Whether its trainer lives is not in the store: it holds a lock. */
  const live = (reader: RunReader, run: RunSummary): RunSummary =>
    isActive(run.state) && !reader.isHeld(run.runId) ? { ...run, state: "INTERRUPTED" } : run;

  return {
    name: folder,
    older: () => open?.reader.older ?? false,
    runs: () =>
      read((reader) => {
        const version = reader.dataVersion();
        if (known?.version !== version) {
          known = { version, runs: reader.runs(MOST_RUNS, 0).map((row) => summaryOf(reader, row)) };
        }
        return known.runs.map((run) => live(reader, run));
      }),
    run: (runId) =>
      read((reader) => {
        const row = reader.run(runId);
        return row && {
          ...live(reader, summaryOf(reader, row)),
          config: shownRunConfig(row.configJson),
          metricNames: reader.metricNames(runId),
        };
      }),
    curves: (runId, query) => read((reader) => reader.curves(runId, query)),
    samples: (runId, step) => read((reader) => reader.samples(runId, step)),
    evaluations: (runId) => read((reader) => reader.evaluations(runId)),
    events: (runId) => read((reader) => reader.events(runId, 0, MOST_EVENTS)),
    [Symbol.dispose]: close,
  };
}

function summaryOf(reader: RunReader, { configJson: _, ...row }: RunRow): RunSummary {
  const metrics = Object.fromEntries(headline.flatMap((name) => {
    const value = reader.metric(row.runId, name, row.step);
    return value === undefined ? [] : [[name, value]];
  }));
  return { ...row, metrics };
}

/** Another file of the same name has another identity. */
function identityOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found ? `${found.dev}/${found.ino}` : "";
}
