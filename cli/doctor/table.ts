import type { Finding } from "./finding.ts";

const marks = { ok: "ok  ", warn: "WARN", fail: "FAIL" } as const;

/** Findings under each other: mark, check, what was found; below it what to do. */
export function findingsTable(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ status, check, found, advice }) => [
    `${marks[status]}  ${check.padEnd(width)}  ${found}`,
    ...(advice === "" ? [] : [`${" ".repeat(6 + width)}  -> ${advice}`]),
  ]);
  const count = (status: Finding["status"]) =>
    findings.filter((one) => one.status === status).length;
  return [...lines, `${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} failed`]
    .join("\n");
}
