import { InputError } from "@decorum/tensor";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { RuntimeOptions } from "@decorum/runtime";
import { readCase } from "./case.ts";
import { compare, type Comparison, type Tolerance } from "./compare.ts";
import { kinds } from "./kinds.ts";

/** What came of one case. */
export interface CaseResult {
  /** Name of its folder. */
  readonly name: string;
  readonly ok: boolean;
  /** One for each expected tensor; none where the case could not be run. */
  readonly comparisons: readonly Comparison[];
  /** Why it could not be run. */
  readonly error?: string;
}

/**
 * Folders of cases: `path` itself where it is one, else every folder in it that is not hidden.
 *
 * @throws Error when there is no such folder, or none in it.
 */
export function caseFolders(path: string): string[] {
  const folder = resolve(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`Cannot run golden cases of ${folder}: there is no such folder`);
  }
  if (existsSync(join(folder, "case.json"))) return [folder];
  const found = readdirSync(folder).filter((name) => !name.startsWith(".")).sort()
    .map((name) => join(folder, name)).filter((at) => statSync(at).isDirectory());
  if (found.length > 0) return found;
  throw new Error(
    `Cannot run golden cases of ${folder}: it has neither case.json nor folders of cases`,
  );
}

/** How cases are run; on the CPU in fp32, within their own tolerances, by default. */
export interface CaseOptions {
  readonly runtime?: RuntimeOptions;
  /** Raises tolerances that are below it: another device sums in another order. */
  readonly least?: Tolerance;
}

/** Runs one case; a malformed one is a failed one. */
export async function runCase(
  folder: string,
  { runtime = {}, least = { atol: 0, rtol: 0 } }: CaseOptions = {},
): Promise<CaseResult> {
  const name = basename(folder);
  try {
    const golden = readCase(folder);
    const kind = Object.hasOwn(kinds, golden.kind) ? kinds[golden.kind] : undefined;
    if (!kind) {
      throw new InputError(
        `Cannot run ${folder}/case.json: its kind is "${golden.kind}"; known are ${
          Object.keys(kinds).join(", ")
        }`,
      );
    }
    const expected = kind.expected?.(golden) ?? golden.expected;
    if (expected.size === 0) throw new InputError(`Cannot run ${folder}: it expects no tensors`);
    const found = await kind.reproduce(golden, runtime);
    const tolerance = {
      atol: Math.max(golden.atol, least.atol),
      rtol: Math.max(golden.rtol, least.rtol),
    };
    const comparisons = [...expected].map(([key, value]) =>
      compare(key, found.get(key), value, tolerance)
    );
    return { name, ok: comparisons.every((c) => c.ok), comparisons };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, ok: false, comparisons: [], error: reason };
  }
}

/** One line: PASS or FAIL, the case, and the largest absolute error of each expected tensor. */
export function describe({ name, ok, comparisons, error }: CaseResult): string {
  const parts = comparisons.map((c) =>
    `${c.name} ${c.error.toExponential(1)}${c.problem ? ` (${c.problem})` : ""}`
  );
  return `${ok ? "PASS" : "FAIL"} ${name}: ${error ?? parts.join(", ")}`;
}
