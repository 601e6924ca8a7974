import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { availableParallelism, freemem, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { missingLibraries, probeProvider, systemFolders } from "@decorum/runtime";
import { fail, type Finding, inGiB, ok, warn } from "./finding.ts";

/** The Deno that the project is tested with: later ones end clients when a server says goodbye. */
export const DENO_VERSION = "2.9.3";

export function denoVersion(found: string | undefined = process.versions["deno"]): Finding {
  if (found === DENO_VERSION) return ok("deno", found);
  return warn(
    "deno",
    found ?? `not Deno, but node ${process.versions.node}`,
    `use exactly ${DENO_VERSION}: clients of later ones may crash when a server restarts`,
  );
}

/** Whether an execution provider's libraries, and all they need, would be found; none is loaded. */
export function provider(name: "cpu" | "cuda", check: string): Finding {
  const { available, folder, missing } = probeProvider(name);
  if (!available) {
    const remedies = new Set(missing.map(({ remedy }) => remedy));
    return fail(check, `${name} cannot be loaded: ${listed(missing)}`, [...remedies].join("; "));
  }
  if (process.platform !== "linux") return ok(check, `${name}: ${folder}`);
  const library = join(folder, "libonnxruntime.so.1");
  if (!existsSync(library)) return fail(check, `there is no ${library}`, "deno install --frozen");
  const absent = missingLibraries(library, systemFolders(), new Set());
  if (absent.length === 0) return ok(check, `${name}: ${folder}`);
  return fail(check, `onnxruntime needs ${listed(absent)}`, "install the packages that hold them");
}

const listed = (missing: readonly { readonly library: string; readonly neededBy: string }[]) =>
  missing.map(({ library, neededBy }) => `${library} (for ${neededBy})`).join(", ");

/** What this process may use of the machine; limits are those of its cgroup where there are any. */
export interface Capacity {
  /** CPUs' worth of time. */
  readonly cpus: number;
  readonly cores: number;
  /** Bytes that there are for it in all, and now. */
  readonly memory: number;
  readonly free: number;
}

/** @param cgroup folder of the cgroup's files, version 2 */
export function capacity(cgroup = "/sys/fs/cgroup"): Capacity {
  const read = (name: string): string => {
    const file = join(cgroup, name);
    return existsSync(file) ? readFileSync(file, "utf8").trim() : "max";
  };
  const [quota, period] = read("cpu.max").split(" ").map(Number);
  const cores = availableParallelism();
  const limit = Number(read("memory.max"));
  const used = Number(read("memory.current"));
  const limited = Number.isFinite(limit);
  return {
    cores,
    cpus: quota && period ? Math.min(cores, quota / period) : cores,
    memory: limited ? Math.min(limit, totalmem()) : totalmem(),
    free: limited && Number.isFinite(used) ? Math.min(limit - used, freemem()) : available(),
  };
}

/** What programs may still have without swapping; Linux counts its caches in. */
function available(): number {
  const file = "/proc/meminfo";
  const line = existsSync(file)
    ? /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync(file, "utf8"))?.[1]
    : undefined;
  return line === undefined ? freemem() : Number(line) * 1024;
}

/** Threads of a service beside the CPUs that it may use; 0 stands for one per core of the machine. */
export function threads(setting: string, wanted: number, { cpus, cores }: Capacity): Finding {
  const taken = wanted === 0 ? cores : wanted;
  const found = `${wanted === 0 ? `0, so ${cores}` : wanted} threads, ${+cpus.toFixed(2)} CPUs`;
  if (taken <= Math.ceil(cpus)) return ok(setting, found);
  return warn(
    setting,
    found,
    `set ${setting} to ${
      Math.max(1, Math.floor(cpus))
    }: more threads than CPUs wait for each other`,
  );
}

/**
 * Memory that a service needs for its models, at least, beside what there is.
 *
 * @param need bytes
 */
export function memory(check: string, need: number, { memory, free }: Capacity): Finding {
  const found = `at least ${inGiB(need)} for its models, ${inGiB(free)} free of ${inGiB(memory)}`;
  if (need > memory) {
    return fail(check, found, "give it more memory, or a smaller model");
  }
  if (need > free) {
    return warn(check, found, "end what holds memory here, or give it more");
  }
  return ok(check, found);
}

/** A folder that a service writes: that it may, and that there is room. */
export function writableFolder(check: string, folder: string): Finding {
  // The service makes it where it is missing.
  let there = resolve(folder);
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    accessSync(there, constants.W_OK);
  } catch {
    return fail(
      check,
      `${there} cannot be written`,
      "give the process's user the right to, or name another folder",
    );
  }
  const { bavail, bsize } = statfsSync(there);
  const room = bavail * bsize;
  const found = `${folder}, ${inGiB(room)} free`;
  if (room < 2 ** 28) return fail(check, found, "make room: a checkpoint may not fit");
  if (room < 2 ** 32) return warn(check, found, "make room for checkpoints");
  return ok(check, found);
}

/** A clock that is behind the program's own files makes certificates invalid that are not. */
export function clock(now: Date, newestFile: Date): Finding {
  const shown = now.toISOString();
  if (now >= newestFile) return ok("clock", shown);
  return fail(
    "clock",
    `${shown}, before ${newestFile.toISOString()}, when this program was put here`,
    "set the clock (NTP)",
  );
}
