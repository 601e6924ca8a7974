import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from "@opentelemetry/semantic-conventions";

/** What a metric is: `name` carries the unit as its suffix, as OpenMetrics wants. */
export interface MetricDeclaration {
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence for people. */
  readonly help: string;
  /** Unit of the value: "1" for counts and ratios. */
  readonly unit: "1" | "seconds" | "bytes" | "tokens" | "nats";
  /** Label names; the sets of values must be small. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending. */
  readonly buckets?: readonly number[];
}

/** Bounds that the RPC conventions advise for durations, in seconds, and three above for generation. */
const seconds = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[30, 60, 120],
];
const counts = [1, 2, 4, 8, 16, 32, 64, 128];

/** Every metric of the system, declared once: nothing else in the project spells these names. */
export const metricNames = {
  // rpc.server.call.duration, rpc.client.call.duration (semantic conventions 1.45)
  rpc_server_call_duration_seconds: {
    type: "histogram",
    help: "Duration of calls served, from the first byte of the request to the status.",
    unit: "seconds",
    labels: ["rpc_method", "rpc_status_code"],
    buckets: seconds,
  },
  rpc_client_call_duration_seconds: {
    type: "histogram",
    help: "Duration of calls made, retries included.",
    unit: "seconds",
    labels: ["rpc_method", "rpc_status_code"],
    buckets: seconds,
  },
  decorum_rpc_server_active_calls: {
    type: "gauge",
    help: "Calls being served.",
    unit: "1",
    labels: ["rpc_method"],
  },
  decorum_rpc_server_refused_calls_total: {
    type: "counter",
    help: "Calls refused before their handler: draining, unauthenticated or denied.",
    unit: "1",
    labels: ["rpc_method", "reason"],
  },
  decorum_queue_depth: {
    type: "gauge",
    help: "Requests that wait for a batch.",
    unit: "1",
    labels: ["queue"],
  },
  decorum_queue_tokens: {
    type: "gauge",
    help: "Padded tokens of the requests that wait for a batch.",
    unit: "tokens",
    labels: ["queue"],
  },
  decorum_queue_wait_seconds: {
    type: "histogram",
    help: "Time that a request waited for its batch.",
    unit: "seconds",
    labels: ["queue"],
    buckets: seconds,
  },
  decorum_queue_rejections_total: {
    type: "counter",
    help: "Requests refused by a queue.",
    unit: "1",
    labels: ["queue", "reason"],
  },
  decorum_batch_size: {
    type: "histogram",
    help: "Sequences in a batch.",
    unit: "1",
    labels: ["queue"],
    buckets: counts,
  },
  decorum_batch_duration_seconds: {
    type: "histogram",
    help: "Time that a batch took in the model.",
    unit: "seconds",
    labels: ["queue"],
    buckets: seconds,
  },
  decorum_batch_tokens_total: {
    type: "counter",
    help: "Tokens that went through the model; kind is real or padding.",
    unit: "tokens",
    labels: ["queue", "kind"],
  },
  decorum_policy_generated_tokens_total: {
    type: "counter",
    help: "Tokens generated.",
    unit: "tokens",
    labels: [],
  },
  decorum_policy_first_token_seconds: {
    type: "histogram",
    help: "Time from a request to its first token.",
    unit: "seconds",
    labels: [],
    buckets: seconds,
  },
  decorum_policy_weights_version: {
    type: "gauge",
    help: "Newest version of a run's weights that the policy holds.",
    unit: "1",
    labels: ["run_id"],
  },
  decorum_policy_weight_pushes_total: {
    type: "counter",
    help: "Weight pushes by outcome: committed, refused or aborted.",
    unit: "1",
    labels: ["outcome"],
  },
  decorum_policy_weight_commit_seconds: {
    type: "histogram",
    help: "Time of a commit: checks, and the wait for the batch in hand.",
    unit: "seconds",
    labels: [],
    buckets: seconds,
  },
  decorum_trainer_step: {
    type: "gauge",
    help: "PPO steps done.",
    unit: "1",
    labels: ["run_id"],
  },
  decorum_trainer_phase_seconds: {
    type: "histogram",
    help: "Time of a phase of a PPO step.",
    unit: "seconds",
    labels: ["phase"],
    buckets: seconds,
  },
  decorum_trainer_statistic: {
    type: "gauge",
    help: "A statistic of the last PPO step under TRL's name, as objective/kl.",
    unit: "1",
    labels: ["run_id", "name"],
  },
  decorum_trainer_kl_target_nats: {
    type: "gauge",
    help: "Target of the KL controller.",
    unit: "nats",
    labels: ["run_id"],
  },
  decorum_trainer_skipped_updates_total: {
    type: "counter",
    help: "Updates skipped, by reason: non_finite or early_stop.",
    unit: "1",
    labels: ["reason"],
  },
  decorum_trainer_weights_version: {
    type: "gauge",
    help: "Version of the weights that the trainer pushed last.",
    unit: "1",
    labels: ["run_id"],
  },
  decorum_evaluation_toxicity: {
    type: "gauge",
    help: "Mean toxicity at the last evaluation; side is before or after, by is reward or judge.",
    unit: "1",
    labels: ["by", "side"],
  },
  decorum_telemetry_dropped_spans_total: {
    type: "counter",
    help: "Spans dropped because the collector was slow or away.",
    unit: "1",
    labels: [],
  },
  decorum_build_info: {
    type: "gauge",
    help: "1; the labels say what runs.",
    unit: "1",
    labels: ["service", "version", "runtime"],
  },
  process_resident_memory_bytes: {
    type: "gauge",
    help: "Resident memory.",
    unit: "bytes",
    labels: [],
  },
  process_cpu_seconds_total: {
    type: "counter",
    help: "User and system CPU time.",
    unit: "seconds",
    labels: [],
  },
  process_start_time_seconds: {
    type: "gauge",
    help: "Start of the process since 1970.",
    unit: "seconds",
    labels: [],
  },
} as const satisfies Record<string, MetricDeclaration>;

/** Span attributes of RPC calls, stable in semantic conventions 1.45. */
export const rpcAttributes = {
  systemName: ATTR_RPC_SYSTEM_NAME,
  method: ATTR_RPC_METHOD,
  statusCode: ATTR_RPC_STATUS_CODE,
  serverAddress: ATTR_SERVER_ADDRESS,
  serverPort: ATTR_SERVER_PORT,
  errorType: ATTR_ERROR_TYPE,
} as const;
