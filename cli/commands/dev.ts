import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { type SpanNode, startOtlpSink } from "@decorum/telemetry";
import { replaceFile } from "@decorum/tensor";
import { tracesHtml, tracesJson } from "../dev/trace_file.ts";
import { EXPORT_INTERVAL_S, TraceWatch } from "../dev/trace_watch.ts";
import { titleOf, waterfall } from "../dev/waterfall.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
/** What is run when nothing is named: a small demo. */
const DEMO = ["demo", "--steps", "3", "--held-out", "32", "--out", "out/dev"];
/** Traces that go into a file. */
const MOST_KEPT = 200;

interface DevOptions {
  readonly port: number;
  readonly out?: string;
  readonly all: boolean;
  readonly full: boolean;
}

/** `decorum dev`: runs something with a collector of its own, and shows the trace of each step. */
export function devCommand(): Command {
  return new Command("dev")
    .description(
      "Run a decorum command (default: a small demo), and show the trace of every step as text.",
    )
    .argument(
      "[command...]",
      `what to run, as: train --config my.yaml (default: ${DEMO.join(" ")})`,
    )
    .option("--port <n>", "port of the OTLP collector; 0 takes a free one", port, 0)
    .option("--out <file>", "write the traces there too: .html or .json", file)
    .option("--all", "show all traces in full, not only those of steps", false)
    .option("--full", "show a line for each span, not one for many of a name", false)
    .passThroughOptions()
    .action(async (command: string[], options: DevOptions) => {
      process.exitCode = await dev(command.length > 0 ? command : DEMO, options);
    });
}

async function dev(command: readonly string[], options: DevOptions): Promise<number> {
  const sink = await startOtlpSink(options.port);
  process.stderr.write(`collecting spans at ${sink.url}\nrunning decorum ${command.join(" ")}\n`);
  const kept: SpanNode[] = [];
  const watch = new TraceWatch(sink, (roots) => {
    for (const root of roots) {
      kept.push(root);
      if (kept.length > MOST_KEPT) kept.shift();
      process.stdout.write(`\n${shown(root, options)}`);
    }
  });
  const code = await run(command, sink.url);
  watch.end();
  await sink.close();
  if (options.out !== undefined) {
    mkdirSync(dirname(options.out), { recursive: true });
    replaceFile(
      options.out,
      extname(options.out) === ".json" ? tracesJson(kept) : tracesHtml(kept),
    );
    process.stderr.write(`${kept.length} traces in ${options.out}\n`);
  }
  return code;
}

function shown(root: SpanNode, { all, full }: DevOptions): string {
  if (!all && root.name !== "train.step" && root.status !== "error") return titleOf(root) + "\n";
  const { stdout } = process;
  return waterfall(root, {
    width: stdout.isTTY ? stdout.columns : 120,
    colour: stdout.isTTY && !process.env["NO_COLOR"],
    full,
  });
}

/** Runs `decorum` with its traces sent to the collector. @returns its exit code */
function run(command: readonly string[], endpoint: string): Promise<number> {
  const env = {
    ...process.env,
    DECORUM_TELEMETRY__OTLP_ENDPOINT: endpoint,
    DECORUM_TELEMETRY__EXPORT_INTERVAL_S: `${EXPORT_INTERVAL_S}`,
  };
  const child = spawn(process.execPath, ["run", "-A", main, ...command], {
    env,
    stdio: ["inherit", "inherit", "inherit"],
  });
  // Ctrl-C reaches the child too; what it has sent is shown when it has ended.
  const wait = () => {};
  process.on("SIGINT", wait);
  const end = () => child.kill("SIGTERM");
  process.on("SIGTERM", end);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("SIGINT", wait);
      process.off("SIGTERM", end);
      resolve(code ?? 1);
    });
  });
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 65536) return value;
  throw new InvalidArgumentError("expected a port, 0 to 65535");
}

function file(text: string): string {
  if (/\.(html|json)$/.test(text)) return text;
  throw new InvalidArgumentError("expected a file that ends in .html or .json");
}
