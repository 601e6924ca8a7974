import { InputError } from "@decorum/tensor";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { loadSections, recordedRunConfig } from "@decorum/settings";
import { type AdapterOfRun, pushAdapter } from "@decorum/fleet";
import { createClient, policyService } from "@decorum/rpc";
import { RunReader } from "@decorum/runs";
import { downloadAll, pinnedSettings, type Source } from "./download.ts";
import { serviceProgram, withSupervisor } from "./services.ts";

export interface LocalEvaluator {
  /** File with the sections of policy, evaluator and trainer. */
  readonly config: string;
  readonly set: readonly string[];
  readonly onLine: (name: string, line: string) => void;
}

/**
 * Runs `body` with an evaluator of its own, whose policy holds the weights that a run ended with, and the reward service
 * where a term asks it; all are ended before it returns.
 *
 * @throws InputError when the run is not on record; Error when it has no result yet
 */
export async function withEvaluator<T>(
  { config, set, onLine }: LocalEvaluator,
  runId: string,
  body: (address: string) => Promise<T>,
): Promise<T> {
  const { trainer, evaluator } = loadSections(["trainer", "evaluator"], {
    ...{ file: config, env: process.env, set },
  });
  const result = resultOf(trainer.runs, runId);
  const base: Source = { value: result.model, kind: "model" };
  const model = (await downloadAll([base])).get(base.value)!.path;
  const settings = await pinnedSettings({ config, set: [...set, ...privateOnes] });
  return await withSupervisor(onLine, async (supervisor) => {
    const start = (name: "policy" | "reward" | "evaluator", ...more: readonly string[]) =>
      supervisor.start(serviceProgram(name, { ...settings, set: [...settings.set, ...more] }));
    await start("policy", `model.name_or_path=${JSON.stringify(model)}`);
    const asked = evaluator.rewards?.some((term) =>
      term.kind === "classifier" && term.service === trainer.reward
    );
    if (asked) await start("reward");
    using policy = createClient(policyService, { address: supervisor.address("policy") });
    await pushAdapter(policy, { ...result, model });
    await start(
      "evaluator",
      `evaluator.policy=${JSON.stringify([policy.address])}`,
      ...(asked ? [`trainer.reward=${supervisor.address("reward")}`] : []),
    );
    return await body(supervisor.address("evaluator"));
  });
}

/** Nobody else calls these services, and they are on this machine's loopback alone. */
const privateOnes = [
  ...["policy", "reward", "evaluator"].flatMap((name) => [
    ...[`${name}.listen=127.0.0.1:0`, `${name}.health_listen=null`, `${name}.metrics_listen=null`],
    ...[`${name}.tls=null`, `${name}.tokens=null`, `${name}.authorization={}`],
  ]),
  "reward.http_listen=null",
  ...["client_tls", "token_file"].map((name) => `evaluator.${name}=null`),
];

/** The weights that a run ended with. */
function resultOf(runs: string, runId: string): AdapterOfRun {
  using store = RunReader.open(runs);
  const run = store.run(runId);
  if (!run) {
    const known = store.runs(10, 0).map((row) => row.runId).join(", ");
    throw new InputError(`Cannot evaluate run ${runId}: ${runs} has ${known || "no runs"}`);
  }
  const adapter = join(runs, runId, "adapter");
  if (!existsSync(adapter)) {
    throw new Error(
      `Cannot evaluate run ${runId}: it is ${run.state.toLowerCase()} at step ${run.step} of ${run.totalSteps} ` +
        `and has no result yet; "decorum resume ${runId}" continues it`,
    );
  }
  const { model: { name_or_path: model } } = recordedRunConfig(run.configJson);
  return { runId, version: run.weightsVersion, adapter, model };
}
