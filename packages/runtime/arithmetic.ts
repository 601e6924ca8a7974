import process from "node:process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { dirname, join } from "node:path";
import type { RuntimeOptions } from "./options.ts";

/**
 * What the bytes of a result depend on besides graph and inputs. Two processes with the same arithmetic give the same
 * bytes (fp32 on CPUs); of others nobody can say.
 */
export interface Arithmetic {
  /** Version of onnxruntime. */
  readonly onnxruntime: string;
  /** Architecture and model of the processor, by which onnxruntime chooses its kernels. */
  readonly cpu: string;
  /** Threads inside one operator; onnxruntime's own choice depends on the cores. */
  readonly threads: string;
  readonly provider: string;
  readonly precision: string;
}

/** The arithmetic of sessions of this process. */
export function arithmeticOf(
  { intraOpThreads = 0, executionProvider = "cpu", precision = "fp32" }: RuntimeOptions,
): Arithmetic {
  return {
    onnxruntime: onnxruntimeVersion(),
    cpu: cpuIdentity(),
    threads: intraOpThreads > 0 ? `${intraOpThreads}` : `0 of ${availableParallelism()} cores`,
    provider: executionProvider,
    precision,
  };
}

/** Where they differ, as "threads: 2, expected 1"; empty where they are the same. */
export function arithmeticDifferences(found: Arithmetic, expected: Arithmetic): string[] {
  return (["onnxruntime", "cpu", "threads", "provider", "precision"] as const).flatMap((field) =>
    found[field] === expected[field]
      ? []
      : [`${field} ${found[field] || "(none)"}, expected ${expected[field]}`]
  );
}

function onnxruntimeVersion(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const { version } = JSON.parse(readFileSync(join(dirname(entry), "..", "package.json"), "utf8"));
  return String(version);
}

/**
 * A scoped process may not read /proc/cpuinfo, which has the instruction sets: the model's name has to do. A hypervisor that hides
 * some of them from one machine of the same model is not seen.
 */
function cpuIdentity(): string {
  return `${process.arch} ${cpus()[0]?.model.trim() ?? "unknown"}`;
}
