import { InputError } from "@decorum/tensor";
import { Command } from "commander";
import { configDifferences, shownRunConfig } from "@decorum/settings";
import { RunReader, type RunRow } from "@decorum/runs";

/** Metrics that a list of runs shows. */
const headline = ["ppo/mean_scores", "objective/kl", "env/toxicity"] as const;

interface RunsFlags {
  readonly runs: string;
  readonly json?: boolean;
}

function find(store: RunReader, id: string): RunRow {
  const row = store.run(id);
  if (row) return row;
  const known = store.runs(10, 0).map((run) => run.runId);
  throw new InputError(`There is no run "${id}" in ${store.folder}; there are ${known.join(", ")}`);
}

const number = (value: number | undefined) => value === undefined ? "-" : value.toPrecision(5);

/** Lines of cells under each other. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n");
}

function list({ runs, json }: RunsFlags): void {
  using store = RunReader.open(runs);
  const rows = store.runs(1000, 0);
  if (json) return rows.forEach((row) => console.log(JSON.stringify(row)));
  console.log(table([
    ["run", "state", "step", "started", ...headline],
    ...rows.map((row) => {
      const metrics = store.metrics(row.runId, row.step);
      return [
        row.runId,
        row.state.toLowerCase(),
        `${row.step}/${row.totalSteps}`,
        new Date(row.startedMs).toISOString().slice(0, 19),
        ...headline.map((name) => number(metrics[name])),
      ];
    }),
  ]));
}

function show(id: string, { runs, json }: RunsFlags): void {
  using store = RunReader.open(runs);
  const row = find(store, id);
  const metrics = store.metrics(id, row.step);
  const samples = store.samples(id, row.step);
  if (json) {
    const events = store.events(id);
    const config = shownRunConfig(row.configJson);
    return console.log(
      JSON.stringify({ ...row, configJson: undefined, config, metrics, samples, events }),
    );
  }
  console.log(`${id}: ${row.state.toLowerCase()} at step ${row.step} of ${row.totalSteps}`);
  if (row.message) console.log(row.message);
  console.log(`checkpoint at step ${row.checkpointStep}, weights version ${row.weightsVersion}\n`);
  console.log(table(Object.entries(metrics).map(([name, value]) => [name, number(value)])));
  for (const { prompt, response, score } of samples) {
    console.log(`\n${prompt.trim()}\n=> ${response} (score ${score.toFixed(3)})`);
  }
}

function compare(ids: readonly string[], { runs, json }: RunsFlags): void {
  using store = RunReader.open(runs);
  const rows = ids.map((id) => find(store, id));
  const configs = rows.map((row) => shownRunConfig(row.configJson));
  const fields = [...new Set(configs.slice(1).flatMap((c) => configDifferences(configs[0], c)))];
  const at = (config: unknown, field: string) =>
    JSON.stringify(
      field.split(".").reduce<unknown>(
        (part, key) => (part as Record<string, unknown>)?.[key],
        config,
      ),
    ) ?? "-";
  const metrics = rows.map((row) => store.metrics(row.runId, row.step));
  const names = [...new Set(metrics.flatMap((m) => Object.keys(m)))].sort();
  if (json) {
    return console.log(JSON.stringify(rows.map((row, i) => ({
      run_id: row.runId,
      step: row.step,
      settings: Object.fromEntries(fields.map((field) => [field, at(configs[i], field)])),
      metrics: metrics[i],
    }))));
  }
  console.log(table([
    ["", ...ids],
    ["step", ...rows.map((row) => `${row.step}/${row.totalSteps}`)],
    ...fields.map((field) => [field, ...configs.map((config) => at(config, field))]),
    ...names.map((name) => [name, ...metrics.map((m) => number(m[name]))]),
  ]));
}

/** `decorum runs list | show | compare`: what the trainer has on record. */
export function runsCommand(): Command {
  const command = new Command("runs").description("List, show and compare runs.");
  const folder = (sub: Command) =>
    sub.option("--runs <folder>", "the trainer's folder of runs", "runs").option(
      "--json",
      "print JSON",
    );
  folder(command.command("list").description("List all runs, newest first.")).action(list);
  folder(command.command("show <run>").description("Show one run: state, metrics, samples."))
    .action(
      show,
    );
  folder(
    command.command("compare <runs...>").description(
      "Show the settings that differ, and the last metrics.",
    ),
  ).action(compare);
  return command;
}
