import { z } from "zod";
import { logLevels } from "@decorum/telemetry";
import { serverSecurity } from "./security.ts";

/** A whole number of at least 1. */
export const positive = z.int().positive();
/** A whole number of at least 0. */
export const count = z.int().nonnegative();
/** A text that is not empty. */
export const name = z.string().min(1);
/** "host:port". */
export const address = z.string().regex(/^.+:\d+$/, 'expected "host:port"');
/** One address, or a list of at least one. */
export const addresses = z.union(
  [address.transform((one) => [one]), z.array(address).min(1)],
  { error: 'expected "host:port", or a list of such' },
);

/** Fields of every service's section. @param port where its gRPC port is by default */
export const listenFields = (port: number) => ({
  listen: address.default(`127.0.0.1:${port}`).meta({
    description:
      "Address of the gRPC port; port 0 takes a free one. Plaintext is for loopback only, unless `insecure` is true.",
    kind: "listen",
  }),
  health_listen: address.nullable().default(null).meta({
    description: "Address of a second, plaintext port that answers health checks only. null: none.",
    kind: "listen",
  }),
  metrics_listen: address.nullable().default(null).meta({
    description: "Address of /metrics and /healthz over HTTP. null: none.",
    kind: "listen",
  }),
  drain_grace_s: z.number().nonnegative().default(30)
    .meta({
      description: "Time that running calls have to finish when the process ends.",
      unit: "s",
    }),
  drain_delay_s: z.number().nonnegative().default(0)
    .meta({ description: "Time between NOT_SERVING and the refusal of new calls.", unit: "s" }),
  reflection: z.boolean().default(true)
    .describe("Whether callers may ask which methods there are."),
  ...serverSecurity,
  allowed_folders: z.array(name.meta({ kind: "readable" })).min(1).nullable().default(null).meta({
    description:
      "Folders in which models, adapters and data must lie, besides the hub's cache. null: anywhere.",
    kind: "readable",
  }),
});

/** Fields of a service that runs a model. */
export const executorFields = {
  provider: z.enum(["cpu", "cuda"]).default("cpu").describe("Where the model runs."),
  threads: count.default(0)
    .describe("Threads inside one operator. 0: one for each physical core."),
};

/** What a model computes in. */
export const precision = z.enum(["fp32", "fp16", "bf16"]).default("fp32");

/** The section `telemetry`, which all services read. */
export const telemetrySection = z.strictObject({
  otlp_endpoint: z.url().nullable().default(null).meta({
    description: "OTLP/HTTP collector of traces, as http://127.0.0.1:4318. null: no traces.",
    kind: "url",
  }),
  sample_ratio: z.number().min(0).max(1).default(1)
    .describe("Share of the traces that are kept. A trace (one training step) is whole or absent."),
  export_interval_s: z.number().positive().max(60).default(5)
    .meta({ description: "Time between two exports of traces.", unit: "s" }),
  log_level: z.enum(logLevels).default("info").describe(
    "The least important lines that are logged.",
  ),
  log_format: z.enum(["auto", "json", "text"]).default("auto")
    .describe("auto: text on a terminal, JSON lines elsewhere."),
  log_texts: z.boolean().default(false)
    .describe("Whether prompts and completions are logged. They may be personal data."),
}).prefault({}).describe("Traces and logs of all services.");

export type ListenConfig = z.infer<z.ZodObject<ReturnType<typeof listenFields>>>;
export type TelemetryConfig = z.infer<typeof telemetrySection>;
