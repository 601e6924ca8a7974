import process from "node:process";
import { memoryUse, workerUsage } from "@decorum/runtime";
import type { Metrics } from "@decorum/telemetry";
import { execFile } from "node:child_process";

/** Shows what runs the models: the process's memory, its worker threads and, where there are any, its GPUs. */
export function observeMachine(metrics: Metrics): void {
  const busy = new Map<string, number>();
  metrics.onRender(() => {
    const { peakRss, anonymous } = memoryUse();
    metrics.set("decorum_process_peak_memory_bytes", peakRss, {});
    metrics.set("decorum_process_private_memory_bytes", anonymous, {});
    const workers = Map.groupBy(workerUsage(), ({ name }) => name);
    // One whose thread has ended holds nothing.
    for (const worker of new Set([...workers.keys(), ...busy.keys()])) {
      const found = workers.get(worker) ?? [];
      const sum = (of: (usage: typeof found[number]) => number) =>
        found.reduce((total, usage) => total + of(usage), 0);
      const bytes = "decorum_worker_memory_bytes";
      metrics.set(bytes, sum(({ heap }) => heap), { worker, kind: "heap" });
      metrics.set(bytes, sum(({ buffers }) => buffers), { worker, kind: "buffers" });
      metrics.set(bytes, sum(({ sessionBytes }) => sessionBytes), { worker, kind: "sessions" });
      metrics.set("decorum_worker_sessions", sum(({ sessions }) => sessions), { worker });
      const now = sum(({ busySeconds }) => busySeconds);
      const spent = Math.max(0, now - (busy.get(worker) ?? 0));
      metrics.add("decorum_worker_busy_seconds_total", spent, { worker });
      busy.set(worker, now);
    }
  });
  observeGpus(metrics);
}

/** What nvidia-smi says of one GPU; undefined where it says "[N/A]". */
interface GpuState {
  /** Its index. */
  readonly gpu: string;
  readonly utilization: number | undefined;
  readonly usedBytes: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly watts: number | undefined;
  readonly celsius: number | undefined;
}

const fields = "index,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu";
const query = [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"];
/** Milliseconds that an answer is good for: nvidia-smi takes tens of milliseconds. */
const KEEP_MS = 5000;

/** Reads the lines that nvidia-smi prints for `fields`: percent, MiB, watts, degrees Celsius. */
export function parseGpuStates(text: string): GpuState[] {
  return text.trim().split("\n").filter((line) => line !== "").map((line) => {
    const [gpu = "", ...values] = line.split(",").map((cell) => cell.trim());
    const [percent, used, size, watts, celsius] = values.map((cell) =>
      /^[\d.]+$/.test(cell) ? Number(cell) : undefined
    );
    const bytes = (mib: number | undefined) => mib === undefined ? undefined : mib * 2 ** 20;
    return {
      gpu,
      utilization: percent === undefined ? undefined : percent / 100,
      usedBytes: bytes(used),
      sizeBytes: bytes(size),
      watts,
      celsius,
    };
  });
}

/** Shows the GPUs of this machine in `metrics`; on a machine without nvidia-smi nothing is shown or tried again. */
function observeGpus(metrics: Metrics): void {
  let askedAt = -Infinity;
  let absent = false;
  metrics.onRender(async () => {
    if (absent || performance.now() - askedAt < KEEP_MS) return;
    askedAt = performance.now();
    const text = await nvidiaSmi();
    absent = text === undefined;
    for (const state of parseGpuStates(text ?? "")) show(metrics, state);
  });
}

function show(metrics: Metrics, { gpu, ...state }: GpuState): void {
  const values = [
    ["decorum_gpu_utilization_ratio", state.utilization],
    ["decorum_gpu_memory_used_bytes", state.usedBytes],
    ["decorum_gpu_memory_size_bytes", state.sizeBytes],
    ["decorum_gpu_power_watts", state.watts],
    ["decorum_gpu_temperature_celsius", state.celsius],
  ] as const;
  for (const [name, value] of values) if (value !== undefined) metrics.set(name, value, { gpu });
}

function nvidiaSmi(): Promise<string | undefined> {
  const shown = process.env["CUDA_VISIBLE_DEVICES"];
  const only = shown ? [`--id=${shown}`] : [];
  return new Promise((resolve) => {
    execFile(
      "nvidia-smi",
      [...query, ...only],
      { timeout: 2000 },
      (error, stdout) => resolve(error ? undefined : stdout),
    );
  });
}
