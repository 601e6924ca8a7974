import process from "node:process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
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
  /** Architecture, and a hash of the instruction sets that onnxruntime chooses its kernels by. */
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

/** Linux on x86 says "flags", on ARM "Features"; elsewhere the processor's name has to do. */
function cpuIdentity(): string {
  const file = "/proc/cpuinfo";
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const vector = flags.filter((flag) =>
    /^(avx|sse|ssse|fma|f16c|amx|asimd|sve|sme|neon|bf16|i8mm)/.test(flag)
  );
  const what = vector.length > 0 ? vector.sort().join(" ") : cpus()[0]?.model ?? "";
  return `${process.arch} ${createHash("sha256").update(what).digest("hex").slice(0, 12)}`;
}
