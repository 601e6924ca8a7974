import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { createLogger, type LoggerOptions } from "./logger.ts";

function capture(options: Partial<LoggerOptions>) {
  const lines: string[] = [];
  const logger = createLogger({
    service: "policy",
    now: () => new Date(0),
    write: (line) => void lines.push(line),
    ...options,
  });
  return { logger, lines };
}

Deno.test("JSON entries: one line each, with bound fields, errors and their causes", () => {
  const { logger, lines } = capture({ format: "json" });
  logger.debug("not written");
  const error = new Error("outer", { cause: new InputError("inner\nline") });
  logger.child({ run_id: "r1" }).error("failed", { error, message: "not this one" });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^[^\n]*\n$/);
  const entry = JSON.parse(lines[0] ?? "");
  assert.equal(entry.time, "1970-01-01T00:00:00.000Z");
  assert.equal(entry.level, "error");
  assert.equal(entry.service, "policy");
  assert.equal(entry.message, "failed");
  assert.equal(entry.run_id, "r1");
  assert.equal(entry.error.cause.message, "inner\nline");
  assert.match(entry.error.stack, /logger_test/);
});

Deno.test("no value can break a line", () => {
  const { logger, lines } = capture({ format: "json", level: "debug" });
  const circle: Record<string, unknown> = { name: "c" };
  circle["self"] = circle;
  const hostile = {
    get bad(): string {
      throw new Error("getter");
    },
  };
  logger.info("values", {
    circle,
    big: 2n ** 70n,
    nan: NaN,
    bytes: new Uint8Array(9),
    date: new Date(NaN),
    nothing: undefined,
    run: () => 1,
  });
  logger.info("hostile", { hostile });
  logger.debug("still here");
  const entry = JSON.parse(lines[0] ?? "");
  assert.equal(entry.circle.self, "[circular]");
  assert.equal(entry.big, String(2n ** 70n));
  assert.equal(entry.nan, "NaN");
  assert.equal(entry.bytes, "[Uint8Array of 9 bytes]");
  assert.match(lines.at(-1) ?? "", /still here/);
});

Deno.test("text entries are for people", () => {
  const { logger, lines } = capture({ format: "text", level: "warn" });
  logger.info("no");
  logger.warn("queue full", { depth: 3, reason: "too many" });
  assert.deepEqual(lines, [
    "00:00:00.000 \x1b[33mwarn \x1b[0m policy: queue full depth=3 reason=too many\n",
  ]);
});

Deno.test("texts of people are logged only where that was asked for", () => {
  const samples = [{ prompt: "my address is", response: "a secret" }];
  for (const format of ["json", "text"] as const) {
    for (const texts of [false, true]) {
      const { logger, lines } = capture({ format, texts });
      const { texts: allowed } = logger.child({ run_id: "r" });
      logger.info("step", { step: 1, samples: allowed ? samples : undefined });
      assert.equal(/a secret/.test(lines.join()), texts);
      assert.equal(/samples/.test(lines.join()), texts);
    }
  }
});
