import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from "@opentelemetry/semantic-conventions";
import { counter, gauge, histogram, type MetricDeclaration } from "./declare_metric.ts";

/** Bounds that the RPC conventions advise for durations, in seconds, and three above for generation. */
const seconds = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[30, 60, 120],
];
const fastSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const longSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
const counts = [1, 2, 4, 8, 16, 32, 64, 128];

const statusCodes = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"] as const,
  ...["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"] as const,
  ...["FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL"] as const,
  ...["UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"] as const,
] as const;
const runStates = [
  ...["STARTING", "RUNNING", "PAUSED", "SUCCEEDED"] as const,
  ...["FAILED", "STOPPED", "INTERRUPTED"] as const,
] as const;
const queue = ["generate", "score"] as const;
const side = ["before", "after"] as const;

const calls = {
  rpc_server_call_duration_seconds: histogram(
    "Duration of calls served, from the first byte of the request to the status.",
    seconds,
    { rpc_method: "code", rpc_status_code: statusCodes },
  ),
  rpc_client_call_duration_seconds: histogram(
    "Duration of calls made, retries included.",
    seconds,
    { rpc_method: "code", rpc_status_code: statusCodes },
  ),
  http_server_request_duration_seconds: histogram(
    "Duration of requests to the doors over HTTP.",
    seconds,
    {
      http_route: "code",
      http_response_status_code: "code",
    },
  ),
  decorum_rpc_server_active_calls: gauge("Calls being served.", { rpc_method: "code" }),
  decorum_rpc_server_refused_calls_total: counter("Calls refused before their handler.", {
    rpc_method: "code",
    reason: ["draining", "unauthenticated", "denied"],
  }),
};

const batching = {
  decorum_queue_depth: gauge(
    "What waits for a batch: requests at the policy, items at the reward.",
    { queue },
  ),
  decorum_queue_tokens: gauge("Padded tokens of what waits for a batch.", { queue }),
  decorum_queue_oldest_seconds: gauge(
    "How long the oldest request in the queue has waited; 0 when none waits.",
    { queue },
  ),
  decorum_queue_wait_seconds: histogram("Time that a request waited for its batch.", seconds, {
    queue,
  }),
  decorum_queue_rejections_total: counter(
    "Requests that a queue refused (requests, tokens, full) or gave up (the rest).",
    {
      queue,
      reason: ["requests", "tokens", "full", "deadline_exceeded", "cancelled", "unavailable"],
    },
  ),
  decorum_batch_size: histogram("Sequences in a batch.", counts, { queue }),
  decorum_batch_duration_seconds: histogram("Time that a batch took in the model.", seconds, {
    queue,
  }),
  decorum_batch_tokens_total: counter(
    "Tokens that went through the model; padding over both kinds is the waste.",
    { queue, kind: ["real", "padding"] },
  ),
  decorum_model_reloads_total: counter(
    "Loads of a model after the first: its thread had ended, or a new one was asked for.",
    { reason: ["worker_died", "requested"], outcome: ["loaded", "failed"] },
  ),
};

const policy = {
  decorum_policy_generated_tokens_total: counter("Tokens generated."),
  decorum_policy_first_token_seconds: histogram(
    "Time from a request to its first token, the wait in the queue included.",
    seconds,
  ),
  decorum_policy_token_seconds: histogram(
    "Time between two tokens of a sequence: what a batch took over its longest response.",
    fastSeconds,
  ),
  decorum_policy_weights_version: gauge(
    "Newest version of a run's weights that the policy holds.",
    { run_id: "run" },
  ),
  decorum_policy_weight_pushes_total: counter("Weight pushes by outcome.", {
    outcome: ["committed", "refused", "aborted"],
  }),
  decorum_policy_weight_commit_seconds: histogram(
    "Time of a commit: the checks of the weights and the swap.",
    fastSeconds,
  ),
};

const trainer = {
  decorum_trainer_run_state: gauge("1 for the state that a run is in, 0 for the others.", {
    run_id: "run",
    state: runStates,
  }),
  decorum_trainer_step: gauge("PPO steps done.", { run_id: "run" }),
  decorum_trainer_planned_steps: gauge("PPO steps that the run is to take.", { run_id: "run" }),
  decorum_trainer_last_step_timestamp_seconds: gauge("When the last PPO step ended, since 1970.", {
    run_id: "run",
  }),
  decorum_trainer_step_seconds: histogram(
    "Time of a PPO step, push, evaluation and checkpoint included.",
    longSeconds,
  ),
  decorum_trainer_phase_seconds: histogram(
    "Time of a phase of a PPO step; phases are named as their spans.",
    seconds,
    { phase: "code" },
  ),
  decorum_trainer_statistic: gauge(
    "A statistic of the last PPO step under TRL's name, as objective/kl.",
    { run_id: "run", name: "code" },
  ),
  decorum_trainer_kl_target_nats: gauge("Target of the KL controller.", { run_id: "run" }),
  decorum_trainer_response_tokens_total: counter("Tokens of responses that were learned from."),
  decorum_trainer_skipped_updates_total: counter(
    "Mini-batch updates that were not applied (non_finite) and epochs left out (early_stop).",
    { reason: ["non_finite", "early_stop"] },
  ),
  decorum_trainer_weights_version: gauge("Version of the weights that the trainer pushed last.", {
    run_id: "run",
  }),
  decorum_trainer_weight_push_seconds: histogram(
    "Time of one push to one policy: begin, upload, commit.",
    seconds,
    { outcome: ["committed", "failed"] },
  ),
  decorum_trainer_checkpoint_step: gauge("Step of the newest checkpoint.", { run_id: "run" }),
  decorum_trainer_evaluation_step: gauge("Step of the newest evaluation.", { run_id: "run" }),
  decorum_trainer_peer_failures_total: counter(
    "Calls to another service that failed and were made again after a pause.",
    { peer: ["policy", "reward", "evaluator"] },
  ),
};

const evaluation = {
  decorum_evaluation_toxicity: gauge(
    "Mean toxicity at the last evaluation, by the reward's classifier or the judge.",
    { by: ["reward", "judge"], side },
  ),
  decorum_evaluation_statistic: gauge("Further means of the last evaluation.", {
    name: ["rouge_l", "distinct_1", "distinct_2", "response_tokens"],
    side,
  }),
  decorum_evaluation_kl_nats: gauge(
    "KL of the policy from its start at the last evaluation, a response.",
  ),
  decorum_evaluation_duration_seconds: histogram("Time of an evaluation.", longSeconds, {
    outcome: ["finished", "failed"],
  }),
};

const machinery = {
  decorum_worker_memory_bytes: gauge(
    "Memory of a worker thread: its JavaScript heap, its array buffers, and what the process grew by while it loaded and ran its sessions (an estimate: onnxruntime does not say).",
    { worker: "code", kind: ["heap", "buffers", "sessions"] },
  ),
  decorum_worker_sessions: gauge("Sessions that a worker thread holds.", { worker: "code" }),
  decorum_worker_busy_seconds_total: counter("Time that a worker thread spent in calls.", {
    worker: "code",
  }),
  decorum_gpu_utilization_ratio: gauge("Share of time in which the GPU was busy, by nvidia-smi.", {
    gpu: "code",
  }),
  decorum_gpu_memory_used_bytes: gauge("Memory in use on the GPU, by nvidia-smi.", { gpu: "code" }),
  decorum_gpu_memory_size_bytes: gauge("Memory of the GPU, by nvidia-smi.", { gpu: "code" }),
  decorum_gpu_power_watts: gauge("Power that the GPU draws, by nvidia-smi.", { gpu: "code" }),
  decorum_gpu_temperature_celsius: gauge("Temperature of the GPU, by nvidia-smi.", { gpu: "code" }),
};

const process = {
  decorum_serving: gauge("1 while the health check says SERVING, else 0."),
  decorum_event_loop_lag_seconds: histogram(
    "How late a timer of the main thread comes; asked twice a second.",
    fastSeconds,
  ),
  decorum_log_entries_total: counter("Log entries at warn and error.", {
    level: ["warn", "error"],
  }),
  decorum_credential_reloads_total: counter(
    "Certificates and token files that changed and were read again.",
    { kind: ["certificate", "tokens"], outcome: ["loaded", "failed"] },
  ),
  decorum_certificate_expiry_timestamp_seconds: gauge(
    "When the certificate in use ends, since 1970.",
    { side: ["server", "client"] },
  ),
  decorum_telemetry_exported_spans_total: counter("Spans that the collector took."),
  decorum_telemetry_dropped_spans_total: counter(
    "Spans lost: the queue was full, or the collector failed, or did not answer in time.",
    { reason: ["queue_full", "export_failed", "export_timeout", "shutdown"] },
  ),
  decorum_telemetry_dropped_series_total: counter(
    "Values left out because their metric has too many label sets.",
  ),
  decorum_build_info: gauge("1; the labels say what runs.", {
    service: "code",
    version: "code",
    runtime: "code",
  }),
  process_resident_memory_bytes: gauge(
    "Resident memory of the process, its workers and mapped weights included.",
  ),
  decorum_process_peak_memory_bytes: gauge("The most memory that was ever resident."),
  decorum_process_private_memory_bytes: gauge(
    "Resident memory without mapped files: what sessions, heaps and buffers take.",
  ),
  decorum_process_heap_bytes: gauge("JavaScript heap in use on the main thread."),
  process_cpu_seconds_total: counter("User and system CPU time."),
  process_open_fds: gauge("Open file descriptors."),
  process_start_time_seconds: gauge("Start of the process since 1970."),
};

/** Every metric by the part of the system that has it; the order of docs/metrics.md. */
export const metricGroups = {
  calls,
  batching,
  policy,
  trainer,
  evaluation,
  machinery,
  process,
} as const;

/** Every metric of the system, declared once: nothing else in the project spells these names. */
export const metricNames = {
  ...calls,
  ...batching,
  ...policy,
  ...trainer,
  ...evaluation,
  ...machinery,
  ...process,
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
