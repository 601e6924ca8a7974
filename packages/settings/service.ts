import { z } from "zod";
import { type LogLevel, logLevels } from "@decorum/telemetry";
import { type ServerSecurityConfig, serverSecurityConfig } from "./security.ts";

/** "host:port". */
export const address: z.ZodType<string> = z.string().regex(/^.+:\d+$/, 'expected "host:port"');
/** One address, or a list of at least one. */
export const addresses: z.ZodType<string[]> = z.union(
  [address.transform((one) => [one]), z.array(address).min(1)],
  { error: 'expected "host:port", or a list of such' },
);

export interface ListenConfig extends ServerSecurityConfig {
  readonly listen: string;
  readonly health_listen: string | null;
  readonly metrics_listen: string | null;
  readonly drain_grace_s: number;
  readonly drain_delay_s: number;
  readonly reflection: boolean;
  readonly allowed_folders: readonly string[] | null;
}

export interface ExecutorConfig {
  readonly provider: "cpu" | "cuda";
  readonly precision: "fp32" | "fp16" | "bf16";
  readonly threads: number;
}

export interface TelemetryConfig {
  readonly otlp_endpoint: string | null;
  readonly sample_ratio: number;
  readonly export_interval_s: number;
  readonly log_level: LogLevel;
  readonly log_format: "auto" | "json" | "text";
  readonly log_texts: boolean;
}

type ListenShape = { readonly [K in keyof ListenConfig]: z.ZodType<ListenConfig[K]> };
type ExecutorShape = { readonly [K in keyof ExecutorConfig]: z.ZodType<ExecutorConfig[K]> };

/** Settings that every service's section has. */
export const listenConfig: ListenShape = {
  /** Address of the gRPC port; port 0 takes a free one. */
  listen: address,
  /** Address of a second, plaintext port for health checks alone; null for none. */
  health_listen: address.nullable().default(null),
  /** Address of /metrics and /healthz; null for none. */
  metrics_listen: address.nullable().default(null),
  /** Seconds that running calls have to finish when the process ends. */
  drain_grace_s: z.number().nonnegative().default(30),
  /** Seconds between NOT_SERVING and the refusal of new calls. */
  drain_delay_s: z.number().nonnegative().default(0),
  /** Whether callers may ask which methods there are. */
  reflection: z.boolean().default(true),
  ...serverSecurityConfig,
  /** Folders in which models, adapters and data must lie, beside the hub's cache; null: anywhere. */
  allowed_folders: z.array(z.string().min(1)).min(1).nullable().default(null),
};

/** Settings of a service that runs a model. */
export const executorConfig: ExecutorShape = {
  /** Where the model runs. */
  provider: z.enum(["cpu", "cuda"]).default("cpu"),
  precision: z.enum(["fp32", "fp16", "bf16"]).default("fp32"),
  /** Threads inside one operator; 0 takes one per physical core. */
  threads: z.int().nonnegative().default(0),
};

/** The section `telemetry`, which all services read. */
export const telemetryConfig: z.ZodType<TelemetryConfig> = z.strictObject({
  /** OTLP/HTTP collector, as http://127.0.0.1:4318; null for no traces. */
  otlp_endpoint: z.url().nullable().default(null),
  /** Share of traces that are kept; a trace is whole or absent. */
  sample_ratio: z.number().min(0).max(1).default(1),
  /** Seconds that spans wait for others, to leave together. */
  export_interval_s: z.number().positive().max(60).default(5),
  log_level: z.enum(logLevels).default("info"),
  /** auto: readable on a terminal, JSON lines elsewhere. */
  log_format: z.enum(["auto", "json", "text"]).default("auto"),
  /** True: prompts and completions are logged too. */
  log_texts: z.boolean().default(false),
}).prefault({});
