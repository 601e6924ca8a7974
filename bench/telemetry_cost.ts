import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, trainerService } from "@decorum/rpc";
import { PROMPT_TEMPLATE, promptRows } from "../demo/corpus/mod.ts";
import { replaceFile } from "@decorum/tensor";
import { coreServiceNames } from "@decorum/settings";
import { serviceProgram } from "../cli/services.ts";
import { Supervisor } from "../cli/supervisor.ts";
import { ratioInterval } from "./ratio_interval.ts";
import { median } from "./stats.ts";

export interface TelemetryCostOptions {
  /** Pairs of steps that are counted. */
  readonly pairs: number;
  /** Prompts of a step: what makes a step long. */
  readonly batch: number;
  /** Groups of prompts of a step: each has some 13 spans, from the trainer's call to the batch's runs. */
  readonly groups: number;
  /** Seconds between two scrapes of each process. */
  readonly scrape: number;
}

/** Steps of each system that are not counted: code that has run a few hundred times is fast. */
const WARMUP_STEPS = 4;
/** Milliseconds between two pairs of steps, in which processes that were told to pause do so. */
const SETTLE_MS = 500;
/** Mini-batches of an epoch, each one run: the demo's and the lab's own, whatever the batch. */
const MINI_BATCHES = 4;
/** Groups of prompts by default: the demo has 1 a step, the lab's preset 2. */
export const GROUPS = 4;
const RUN = "cost";
const demo = fileURLToPath(new URL("../demo/", import.meta.url));

/**
 * The cost of traces and metrics: two systems of four processes each, one with both and one with neither, take
 * the same steps of the same run at the same time, each on a processor of its own, and change places after every
 * pair. What the machine's speed does from one step to the next, it does to both; and on one processor nothing that
 * traces and metrics cost is hidden behind other work.
 */
export async function benchTelemetryCost(
  { pairs, batch, groups, scrape }: TelemetryCostOptions,
) {
  const folder = mkdtempSync(join(tmpdir(), "decorum-cost-"));
  const collector = await startCollector();
  const steps = pairs + WARMUP_STEPS + 1;
  try {
    await using off = await startSystem(join(folder, "off"), { batch, groups, steps });
    await using on = await startSystem(join(folder, "on"), { batch, groups, steps }, collector.url);
    using scraper = new Scraper(on.metrics, scrape);
    const both = async (i: number) => {
      on.runOn(i % 2);
      off.runOn(1 - i % 2);
      const [a, b] = await Promise.all([on.step(), off.step()]);
      return { on: a, off: b };
    };
    for (let i = 0; i < WARMUP_STEPS; i++) await both(i);
    const taken: { readonly on: Taken; readonly off: Taken }[] = [];
    for (let i = 0; i < pairs; i++) {
      const pair = await both(i);
      taken.push(pair);
      const [a, b] = [pair.on.seconds, pair.off.seconds];
      console.error(`pair ${i + 1}/${pairs}: on ${a.toFixed(2)} s, off ${b.toFixed(2)} s`);
    }
    const wall = ratioInterval(taken.map((pair) => [pair.on.seconds, pair.off.seconds]));
    const cpu = ratioInterval(taken.map((pair) => [pair.on.cpuSeconds, pair.off.cpuSeconds]));
    return {
      batch,
      groups,
      median_step_seconds: median(taken.map((pair) => pair.off.seconds)),
      wall,
      cpu,
      exports: collector.requests,
      scrapes: scraper.scrapes,
      target: "upper end of the interval of wall at most 1.02",
      met: wall.high <= 1.02,
    };
  } finally {
    collector.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Taken {
  readonly seconds: number;
  /** User and system time of the four processes, and of the moment after it. */
  readonly cpuSeconds: number;
}

/** Four services and a run of theirs, paused. */
async function startSystem(
  out: string,
  { batch, groups, steps }: {
    readonly batch: number;
    readonly groups: number;
    readonly steps: number;
  },
  endpoint?: string,
) {
  mkdirSync(out, { recursive: true });
  const data = join(out, "prompts.jsonl");
  const rows = promptRows(1, "ppo", 2 * batch);
  replaceFile(data, rows.map(({ dialogue }) => JSON.stringify({ dialogue })).join("\n") + "\n");
  const common = endpoint === undefined ? [] : [
    `telemetry.otlp_endpoint=${endpoint}`,
    ...coreServiceNames.map((name) => `${name}.metrics_listen=127.0.0.1:0`),
  ];
  const said: string[] = [];
  const metrics: string[] = [];
  const supervisor = new Supervisor({
    onLine: (name, line) => {
      said.push(`${name} ${line}`);
      const url = /\bhttp:\S+\/metrics\b/.exec(line)?.[0];
      if (url) metrics.push(url);
    },
  });
  const start = (name: typeof coreServiceNames[number], ...set: string[]) =>
    supervisor.start(serviceProgram(name, {
      config: join(demo, "demo.yaml"),
      set: [`${name}.listen=127.0.0.1:0`, ...set, ...common],
    }));
  const models = join(demo, "models");
  try {
    await start(
      "policy",
      `model.name_or_path=${join(models, "policy")}`,
      `policy.limits.max_prompts=${Math.ceil(batch / groups)}`,
      `policy.limits.max_queue_tokens=${2 ** 30}`,
    );
    await start(
      "reward",
      `reward.model=${join(models, "reward")}`,
      `reward.limits.max_group_items=${Math.ceil(batch / groups)}`,
      `reward.limits.max_group_tokens=${2 ** 18}`,
    );
    const policy = `["${supervisor.address("policy")}"]`;
    await start(
      "evaluator",
      `evaluator.policy=${policy}`,
      `evaluator.toxicity.model=${join(models, "reward")}`,
    );
    await start(
      "trainer",
      `trainer.policy=${policy}`,
      `trainer.reward=${supervisor.address("reward")}`,
      `model.name_or_path=${join(models, "policy")}`,
      `trainer.data.train=${data}`,
      `trainer.data.prompt=${JSON.stringify(PROMPT_TEMPLATE)}`,
      `trainer.runs=${join(out, "runs")}`,
      `trainer.rollout.group_size=${Math.ceil(batch / groups)}`,
      `trainer.ppo.batch_size=${batch}`,
      `trainer.ppo.mini_batch_size=${batch / MINI_BATCHES}`,
      `trainer.ppo.micro_batch_size=${batch / MINI_BATCHES}`,
      `trainer.ppo.steps=${steps}`,
    );
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  if (metrics.length !== (endpoint === undefined ? 0 : coreServiceNames.length)) {
    await supervisor.stop();
    throw new Error(`internal: found metrics at ${metrics.join(", ") || "no address"}`);
  }
  const trainer = createClient(trainerService, { address: supervisor.address("trainer") });
  await trainer.startRun({ runId: RUN });
  await trainer.pause({ runId: RUN });
  const cpuSeconds = () =>
    coreServiceNames.reduce((sum, name) => sum + cpuSecondsOf(supervisor.pid(name)!), 0);
  return {
    metrics,
    /** Keeps the four processes, all of their threads, on one processor. */
    runOn(processor: number): void {
      for (const name of coreServiceNames) {
        execFileSync("taskset", ["-apc", `${processor}`, `${supervisor.pid(name)}`]);
      }
    },
    /** Takes one step. */
    async step(): Promise<Taken> {
      const before = (await trainer.getRun({ runId: RUN })).run!.step;
      const [began, busy] = [performance.now(), cpuSeconds()];
      await trainer.resume({ runId: RUN });
      const { run } = await trainer.pause({ runId: RUN });
      const seconds = (performance.now() - began) / 1000;
      if (run!.step !== before + 1) {
        throw new Error(
          `internal: went from step ${before} to ${run!.step}:\n${said.slice(-9).join("\n")}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      return { seconds, cpuSeconds: cpuSeconds() - busy };
    },
    async [Symbol.asyncDispose]() {
      trainer.close();
      await supervisor.stop();
    },
  };
}

/** Ticks of `/proc/<pid>/stat` in a second: USER_HZ, which is 100 on every Linux of today. */
const TICKS = 100;

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold spaces: fields 14 and 15 are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** A collector that takes everything and keeps nothing: what a real one costs is not ours. */
async function startCollector() {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    request.resume().on("end", () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Asks all processes for their metrics at intervals. */
class Scraper implements Disposable {
  scrapes = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly urls: readonly string[], everySeconds: number) {
    this.#timer = setInterval(() => this.#scrape(), everySeconds * 1000);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #scrape(): void {
    for (const url of this.urls) {
      fetch(url).then(async (response) => {
        await response.text();
        this.scrapes++;
      }, () => {});
    }
  }
}
