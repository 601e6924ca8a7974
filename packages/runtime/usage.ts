import process from "node:process";
import { readFileSync } from "node:fs";

/** Memory of this process, in bytes. */
interface MemoryUse {
  /** Resident now. */
  readonly rss: number;
  /** The most that was ever resident; `rss` where the system does not say. */
  readonly peakRss: number;
  /** Resident and private: what mapped weight files do not count in; `rss` where the system does not say. */
  readonly anonymous: number;
}

/**
 * Current and peak resident memory: `VmRSS`, `VmHWM` and `RssAnon` of `/proc/self/status` (Linux). A weight
 * file mapped by two sessions counts twice in `rss` and `peakRss`, though its pages exist once.
 */
export function memoryUse(): MemoryUse {
  const { rss } = process.memoryUsage();
  let status = "";
  try {
    status = readFileSync("/proc/self/status", "utf8");
  } catch {
    // Not Linux: only the resident size is known.
  }
  const field = (name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return kib === undefined ? rss : Number(kib) * 1024;
  };
  return { rss: field("VmRSS"), peakRss: field("VmHWM"), anonymous: field("RssAnon") };
}

/** Memory of a worker thread, in bytes; a moment's look. */
export interface ThreadMemory {
  /** JavaScript heap in use. */
  readonly heap: number;
  /** Array buffers and what else hangs on the heap. */
  readonly buffers: number;
}

/** What a session worker has done and holds. */
export interface WorkerUsage extends ThreadMemory {
  /** Name of the first session that it loaded; "worker" before. */
  readonly name: string;
  /** Sessions that it holds. */
  readonly sessions: number;
  /** Seconds that it spent in calls. */
  readonly busySeconds: number;
  /**
   * Bytes of private memory that the process grew by while this worker loaded the sessions that it holds.
   * onnxruntime does not say what a session takes: other threads' growth at the same time is in it, and what
   * runs of the sessions add later is not.
   */
  readonly sessionBytes: number;
}
