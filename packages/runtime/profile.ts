import { InputError } from "@decorum/tensor";
import { readFileSync } from "node:fs";

/** One event of onnxruntime's trace (Chrome trace format); times in microseconds. */
interface TraceEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly pid?: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: { readonly op_name?: string; readonly provider?: string };
}

/** Time in the kernels of one operator type, all runs together. */
interface OpTime {
  readonly op: string;
  readonly calls: number;
  /** Milliseconds in the operator itself; nodes of a loop or branch body count for themselves only. */
  readonly ms: number;
  /** Part of `kernelMs`, 0 to 1. */
  readonly share: number;
}

/** Where the time of a profiled session went. */
interface ProfileSummary {
  /** How often the model ran. */
  readonly runs: number;
  /** Milliseconds inside `run`, all runs together. */
  readonly wallMs: number;
  /** Milliseconds inside kernels, all runs together; the rest of `wallMs` is the runtime's own. */
  readonly kernelMs: number;
  /** Operator types, the slowest first. */
  readonly ops: readonly OpTime[];
  /** Kernel calls by execution provider: on CUDA, calls of the CPU provider are what fell back. */
  readonly callsByProvider: Readonly<Record<string, number>>;
}

interface Kernel {
  readonly op: string;
  readonly provider: string;
  readonly thread: string;
  readonly start: number;
  readonly end: number;
  self: number;
}

function kernelsOf(events: readonly TraceEvent[]): Kernel[] {
  const kernels: Kernel[] = [];
  for (const { cat, name, pid, tid, ts, dur, args } of events) {
    if (cat !== "Node" || !name?.endsWith("_kernel_time")) continue;
    if (ts === undefined || dur === undefined || args?.op_name === undefined) continue;
    kernels.push({
      op: args.op_name,
      provider: args.provider ?? "unknown",
      thread: `${pid}/${tid}`,
      start: ts,
      end: ts + dur,
      self: dur,
    });
  }
  return kernels;
}

/** Takes the time of enclosed kernels (a loop body's) out of the one around them. */
function subtractNested(kernels: readonly Kernel[]): void {
  const open = new Map<string, Kernel[]>();
  const outerFirst = kernels.toSorted((a, b) => a.start - b.start || b.end - a.end);
  for (const kernel of outerFirst) {
    const stack = open.get(kernel.thread) ?? [];
    open.set(kernel.thread, stack);
    while (stack.length > 0 && (stack.at(-1)?.end ?? 0) < kernel.end) stack.pop();
    const parent = stack.at(-1);
    if (parent) parent.self -= kernel.end - kernel.start;
    stack.push(kernel);
  }
}

/** Sums a trace by operator type. */
export function summarizeProfile(events: readonly TraceEvent[]): ProfileSummary {
  const kernels = kernelsOf(events);
  subtractNested(kernels);
  const runs = events.filter((e) => e.cat === "Session" && e.name === "model_run");
  const kernelMs = kernels.reduce((sum, k) => sum + k.self, 0) / 1000;
  const ops = [...Map.groupBy(kernels, (k) => k.op)].map(([op, calls]) => {
    const ms = calls.reduce((sum, k) => sum + k.self, 0) / 1000;
    return { op, calls: calls.length, ms, share: kernelMs === 0 ? 0 : ms / kernelMs };
  });
  return {
    runs: runs.length,
    wallMs: runs.reduce((sum, e) => sum + (e.dur ?? 0), 0) / 1000,
    kernelMs,
    ops: ops.sort((a, b) => b.ms - a.ms),
    callsByProvider: Object.fromEntries(
      [...Map.groupBy(kernels, (k) => k.provider)].map(([provider, calls]) => [
        provider,
        calls.length,
      ]),
    ),
  };
}

/**
 * Reads and sums the trace file `endProfiling()` names.
 *
 * @throws InputError when the file is not such a trace
 */
export function readProfile(path: string): ProfileSummary {
  const text = readFileSync(path, "utf8");
  let events: unknown;
  try {
    events = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`Cannot read profile "${path}": it is not JSON; was the session ended?`, {
      cause,
    });
  }
  if (!Array.isArray(events)) {
    throw new InputError(`Cannot read profile "${path}": expected an array of trace events`);
  }
  return summarizeProfile(events);
}
