import process from "node:process";
import type { Metrics } from "./metrics.ts";

/** What every process tells of itself: CPU time, memory, asked at every exposition. */
export function observeProcess(metrics: Metrics): void {
  metrics.set("process_start_time_seconds", Date.now() / 1e3 - process.uptime(), {});
  let cpuSeconds = 0;
  metrics.onRender(() => {
    const { user, system } = process.cpuUsage();
    const now = (user + system) / 1e6;
    metrics.add("process_cpu_seconds_total", Math.max(0, now - cpuSeconds), {});
    cpuSeconds = now;
    const { rss, heapUsed } = process.memoryUsage();
    metrics.set("process_resident_memory_bytes", rss, {});
    metrics.set("decorum_process_heap_bytes", heapUsed, {});
  });
}

/** Milliseconds between two looks at the event loop. */
const LAG_EVERY_MS = 500;

/** Watches how late timers of this thread come. @returns what ends it */
export function observeEventLoop(metrics: Metrics): () => void {
  let due = performance.now() + LAG_EVERY_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    metrics.observe("decorum_event_loop_lag_seconds", Math.max(0, now - due) / 1000, {});
    due = now + LAG_EVERY_MS;
  }, LAG_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
