import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createClient, rewardService } from "@decorum/rpc";

const DEADLINE_MS = 600_000;

/** A reward server in a process of its own. */
export interface RewardServer extends AsyncDisposable {
  readonly name: string;
  /** Score of one text, over the network. */
  score(text: string): Promise<number>;
  /** The most memory that was ever resident, in bytes. */
  peakRss(): number;
  /** Seconds of processor time so far, all threads together. */
  cpuSeconds(): number;
  /** Positions of padding, of all that linear layers computed so far; 0 where they are packed. */
  paddingShare(): Promise<number>;
}

/** `VmHWM` of a process on Linux; NaN elsewhere. */
function peakRssOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN);
  } catch {
    return NaN;
  }
}

/** A process that says `ready ...` on a line of its standard output once it serves. */
interface Served extends AsyncDisposable {
  readonly pid: number;
  /** The last word of that line. */
  readonly address: string;
}

async function serve(command: string, args: readonly string[]): Promise<Served> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise<void>((resolve) => child.on("close", () => resolve()));
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^ready .*?(\S+)$/.exec(line)?.[1];
    if (address === undefined) continue;
    return {
      pid: child.pid ?? 0,
      address,
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await exit;
      },
    };
  }
  throw new Error(`Cannot measure ${command} ${args.join(" ")}: it ended before it was ready`);
}

/** User and system time of a process on Linux, whose clock ticks 100 times a second; NaN elsewhere. */
function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

/** Our service, over gRPC. */
export async function ourServer(
  precision: "fp32" | "int8",
  model: string,
  threads: number,
  settings: readonly string[],
): Promise<RewardServer> {
  const all = [
    "reward.listen=127.0.0.1:0",
    `reward.model=${model}`,
    "reward.label=hate",
    `reward.threads=${threads}`,
    `reward.precision=${precision}`,
    ...settings,
  ];
  const main = fileURLToPath(new URL("../services/reward/main.ts", import.meta.url));
  const child = await serve(process.execPath, [
    ...["run", "-A", "--no-check", main],
    ...all.flatMap((setting) => ["--set", setting]),
  ]);
  const client = createClient(rewardService, { address: child.address });
  return {
    name: `decorum ${precision}`,
    async score(response) {
      const { results } = await client.score({ items: [{ response }] }, {
        deadlineMs: DEADLINE_MS,
      });
      return results[0]!.score;
    },
    peakRss: () => peakRssOf(child.pid),
    cpuSeconds: () => cpuSecondsOf(child.pid),
    paddingShare: () => Promise.resolve(0),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await child[Symbol.asyncDispose]();
    },
  };
}

/** How a peer batches: `pipeline` is transformers' own, a text at a time. */
export interface PeerMode {
  readonly mode: "pipeline" | "batches";
  readonly dtype: "float32" | "bfloat16";
}

/** `peers/reward_server.py`, over HTTP. @throws Error when Python ends before it serves */
export async function peerServer(
  { mode, dtype }: PeerMode,
  python: string,
  model: string,
  threads: number,
): Promise<RewardServer> {
  const script = fileURLToPath(new URL("peers/reward_server.py", import.meta.url));
  const child = await serve(python, [
    ...[script, "--model", model, "--mode", mode, "--dtype", dtype],
    ...["--threads", `${threads}`],
  ]);
  const port = Number(child.address);
  const agent = new Agent({ keepAlive: true });
  return {
    name: `${mode === "pipeline" ? "FastAPI + pipeline" : "PyTorch batches"} ${dtype}`,
    async score(text) {
      const { scores } = await call<{ scores: number[] }>(port, agent, "/score", { texts: [text] });
      return scores[0]!;
    },
    peakRss: () => peakRssOf(child.pid),
    cpuSeconds: () => cpuSecondsOf(child.pid),
    async paddingShare() {
      const { padding, total } = await call<{ padding: number; total: number }>(
        port,
        agent,
        "/stats",
        {},
      );
      return padding / total;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await child[Symbol.asyncDispose]();
    },
  };
}

function call<T>(port: number, agent: Agent, path: string, body: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, path, agent, method: "POST", headers: { "content-type": "application/json" } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => void (text += part));
        response.on(
          "end",
          () =>
            response.statusCode === 200
              ? resolve(JSON.parse(text) as T)
              : reject(new Error(`${path} answered ${response.statusCode}: ${text}`)),
        );
      },
    );
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}
