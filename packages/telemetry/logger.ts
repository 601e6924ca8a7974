import { isSpanContextValid, trace } from "@opentelemetry/api";
import process from "node:process";

/** Levels, the least urgent first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof logLevels[number];

/** Values beside the message. An `Error` is written with its stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes one line an entry; never throws. */
export interface Logger {
  /** Whether prompts and completions may be logged: fields that hold them are left out unless it is true. */
  readonly texts: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Writes what has happened to security, whatever the level: `audit: true` is among the fields. */
  audit(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every entry. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Name of the service, in every entry. */
  readonly service: string;
  /** Entries below it are not written; default "info". */
  readonly level?: LogLevel;
  /** "json": one object a line. "text": for a terminal. Default: "text" where standard error is one. */
  readonly format?: "json" | "text";
  /** See `Logger.texts`; default false. */
  readonly texts?: boolean;
  /** Told of every entry that is written. */
  readonly onEntry?: (level: LogLevel) => void;
  /** Takes one line with its newline; default standard error. */
  readonly write?: (line: string) => void;
  /** The clock; default the system's. */
  readonly now?: () => Date;
}

/** Makes a logger. Inside a span, entries carry its `trace_id` and `span_id`. */
export function createLogger(options: LoggerOptions): Logger {
  const { service, level = "info", texts = false, now = () => new Date(), onEntry } = options;
  const format = options.format ?? (process.stderr.isTTY ? "text" : "json");
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const lowest = logLevels.indexOf(level);

  const make = (bound: LogFields): Logger => {
    const put = (entryLevel: LogLevel, message: string, fields: LogFields): void => {
      onEntry?.(entryLevel);
      const time = now().toISOString();
      const all = { ...spanIds(), ...bound, ...fields };
      try {
        write(
          format === "json"
            ? JSON.stringify({ ...plainFields(all), time, level: entryLevel, service, message }) +
              "\n"
            : textLine(time, entryLevel, service, message, all),
        );
      } catch {
        // A log that cannot be written has nowhere to be said.
      }
    };
    const at = (entryLevel: LogLevel) => (message: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(entryLevel) >= lowest) put(entryLevel, message, fields);
    };
    return {
      texts,
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      audit: (message, fields = {}) => put("info", message, { ...fields, audit: true }),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make({});
}

function spanIds(): LogFields {
  const span = trace.getActiveSpan()?.spanContext();
  if (!span || !isSpanContextValid(span)) return {};
  return { trace_id: span.traceId, span_id: span.spanId };
}

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)]));
}

const colours: Record<LogLevel, string> = { debug: "2", info: "36", warn: "33", error: "31" };

function textLine(time: string, level: LogLevel, service: string, message: string, all: LogFields) {
  const pairs = Object.entries(plainFields(all))
    .filter(([key, value]) => key !== "trace_id" && key !== "span_id" && value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const name = `\x1b[${colours[level]}m${level.padEnd(5)}\x1b[0m`;
  return `${time.slice(11, 23)} ${name} ${service}: ${message}${pairs.join("")}\n`;
}

/** A value that JSON can hold: no cycles, no bigint, no silent loss of NaN, Infinity or an error's stack. */
function plain(value: unknown, seen: readonly unknown[] = []): unknown {
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") {
    return String(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object" || value === null) return value;
  if (seen.includes(value)) return "[circular]";
  if (seen.length >= 6) return "[deep]";
  const path = [...seen, value];
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value;
  if (ArrayBuffer.isView(value)) return `[${value.constructor.name} of ${value.byteLength} bytes]`;
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    return {
      name,
      message,
      stack,
      ...(cause === undefined ? {} : { cause: plain(cause, path) }),
    };
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, path));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, path)]));
}
