import { readFileSync } from "node:fs";
import process from "node:process";

/** Memory of this process, in bytes. */
export interface MemoryUse {
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
