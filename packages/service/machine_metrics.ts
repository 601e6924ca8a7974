import { memoryUse, workerUsage } from "@decorum/runtime";
import type { Metrics } from "@decorum/telemetry";
import { observeGpus } from "./gpu.ts";

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
