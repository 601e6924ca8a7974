import { execFile, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { stringify } from "yaml";
import type { Line } from "../../deploy/grafana/draw.ts";

const run = promisify(execFile);

/** Installs Debian's Prometheus and node_exporter where they are missing. @throws Error when that cannot be done */
export async function ensurePrometheus(): Promise<void> {
  if (existsSync("/usr/bin/prometheus") && existsSync("/usr/bin/prometheus-node-exporter")) return;
  if (process.getuid?.() !== 0) {
    throw new Error(
      "This test needs Debian's packages prometheus and prometheus-node-exporter: install them, or run as root",
    );
  }
  console.log("interop: installing prometheus and prometheus-node-exporter");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-q"], { env });
  const packages = ["prometheus", "prometheus-node-exporter"];
  await run("apt-get", ["install", "-qy", "--no-install-recommends", ...packages], { env });
}

/** What promtool says of its standard input or arguments. @throws Error with its output when it fails */
export async function promtool(args: readonly string[], input = ""): Promise<string> {
  const running = run("promtool", args);
  running.child.stdin!.end(input);
  const { stdout, stderr } = await running;
  return stdout + stderr;
}

/** A program that ends with its scope. */
export function start(command: string, args: readonly string[]): AsyncDisposable {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => said = (said + text).slice(-4000));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.once("exit", (code) => {
    if (code) console.error(`${command} ended with ${code}:\n${said}`);
  });
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, "SIGTERM");
      await ended;
    },
  };
}

/** A server that answers /metrics with a text, as an exporter that was recorded. */
export async function recordedExporter(
  text: string,
): Promise<AsyncDisposable & { address: string }> {
  const server: Server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A Prometheus that scrapes once a second. */
export class Prometheus implements AsyncDisposable {
  private constructor(readonly url: string, readonly process: AsyncDisposable) {}

  /** @param targets addresses by job */
  static async start(
    folder: string,
    address: string,
    targets: Readonly<Record<string, readonly string[]>>,
    rules: readonly string[],
  ): Promise<Prometheus> {
    const config = join(folder, "prometheus.yaml");
    writeFileSync(
      config,
      stringify({
        global: { scrape_interval: "1s", evaluation_interval: "1s" },
        rule_files: rules,
        scrape_configs: Object.entries(targets).map(([job_name, list]) => ({
          job_name,
          static_configs: [{ targets: list }],
        })),
      }),
    );
    await promtool(["check", "config", config]);
    const process = start("prometheus", [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=${address}`,
      "--enable-feature=exemplar-storage",
    ]);
    const prometheus = new Prometheus(`http://${address}`, process);
    for (let attempt = 0;; attempt++) {
      const ready = await fetch(`${prometheus.url}/-/ready`).then((r) => r.ok, () => false);
      if (ready) return prometheus;
      if (attempt === 150) throw new Error("Prometheus was not ready after 30 s");
      await sleep(200);
    }
  }

  /** The lines that a query gives from one time to another, in seconds, by their legend. */
  async range(expr: string, legend: string, from: number, to: number): Promise<Line[]> {
    const { result } = await this.#get<{
      result: { metric: Record<string, string>; values: [number, string][] }[];
    }>("query_range", { query: expr, start: from, end: to, step: 1 });
    return result.map(({ metric, values }) => ({
      name: legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ""),
      points: values.map(([seconds, value]) => [seconds * 1000, Number(value)] as const),
    }));
  }

  /** Trace ids of the exemplars of the series of a query. */
  async exemplarTraces(expr: string, from: number, to: number): Promise<string[]> {
    const found = await this.#get<{ exemplars: { labels: Record<string, string> }[] }[]>(
      "query_exemplars",
      { query: expr, start: from, end: to },
    );
    return found.flatMap(({ exemplars }) =>
      exemplars.map(({ labels }) => labels["trace_id"] ?? "")
    );
  }

  /** Targets by job that have been scraped, or not, and why. */
  async targets(): Promise<{ job: string; health: string; lastError: string }[]> {
    const { activeTargets } = await this.#get<{
      activeTargets: { labels: { job: string }; health: string; lastError: string }[];
    }>("targets", {});
    return activeTargets.map(({ labels: { job }, ...rest }) => ({ job, ...rest }));
  }

  async #get<T>(what: string, parameters: Readonly<Record<string, string | number>>): Promise<T> {
    const query = new URLSearchParams(
      Object.entries(parameters).map(([name, value]) => [name, `${value}`]),
    );
    const response = await fetch(`${this.url}/api/v1/${what}?${query}`);
    const body = await response.json() as { status: string; error?: string; data: T };
    if (body.status !== "success") throw new Error(`${what} ${query}: ${body.error}`);
    return body.data;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.process[Symbol.asyncDispose]());
  }
}
