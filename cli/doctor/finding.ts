/** What one check found. */
export interface Finding {
  readonly status: "ok" | "warn" | "fail";
  /** What was looked at, as `certificates` or `reward.model`. */
  readonly check: string;
  readonly found: string;
  /** What to do about it; empty where nothing is. */
  readonly advice: string;
}

export const ok = (check: string, found: string): Finding => ({
  status: "ok",
  check,
  found,
  advice: "",
});
export const warn = (check: string, found: string, advice: string): Finding => ({
  status: "warn",
  check,
  found,
  advice,
});
export const fail = (check: string, found: string, advice: string): Finding => ({
  status: "fail",
  check,
  found,
  advice,
});

/** Bytes for people. */
export function inGiB(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GiB`
    : `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

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
