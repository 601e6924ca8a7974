import type { MetricDeclaration } from "./declaration.ts";

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
  rpc_server_call_duration_seconds: {
    help: "Duration of calls served, from the first byte of the request to the status.",
    buckets: seconds,
    labels: { rpc_method: "code", rpc_status_code: statusCodes },
  },
  rpc_client_call_duration_seconds: {
    help: "Duration of calls made, retries included.",
    buckets: seconds,
    labels: { rpc_method: "code", rpc_status_code: statusCodes },
  },
  http_server_request_duration_seconds: {
    help: "Duration of requests to the doors over HTTP.",
    buckets: seconds,
    labels: { http_route: "code", http_response_status_code: "code" },
  },
  decorum_rpc_server_active_calls: { help: "Calls being served.", labels: { rpc_method: "code" } },
  decorum_rpc_server_refused_calls_total: {
    help: "Calls refused before their handler.",
    labels: { rpc_method: "code", reason: ["draining", "unauthenticated", "denied"] },
  },
} as const;

const batching = {
  decorum_queue_depth: {
    help: "What waits for a batch: requests at the policy, items at the reward.",
    labels: { queue },
  },
  decorum_queue_tokens: { help: "Padded tokens of what waits for a batch.", labels: { queue } },
  decorum_queue_oldest_seconds: {
    help: "How long the oldest request in the queue has waited; 0 when none waits.",
    labels: { queue },
  },
  decorum_queue_wait_seconds: {
    help: "Time that a request waited for its batch.",
    buckets: seconds,
    labels: { queue },
  },
  decorum_queue_rejections_total: {
    help:
      "Requests that a queue refused because of a limit (depth, tokens, streams), and those that left it before they ran (the rest).",
    labels: {
      queue,
      reason: [
        ...["depth", "tokens", "streams"] as const,
        ...["deadline_exceeded", "cancelled", "unavailable"] as const,
      ],
    },
  },
  decorum_batch_size: { help: "Sequences in a batch.", buckets: counts, labels: { queue } },
  decorum_batch_duration_seconds: {
    help: "Time that a batch took in the model.",
    buckets: seconds,
    labels: { queue },
  },
  decorum_batch_tokens_total: {
    help: "Tokens that went through the model; padding over both kinds is the waste.",
    labels: { queue, kind: ["real", "padding"] },
  },
  decorum_model_reloads_total: {
    help: "Loads of a model after the first: its thread had ended, or a new one was asked for.",
    labels: { reason: ["worker_died", "requested"], outcome: ["loaded", "unchanged", "failed"] },
  },
} as const;

const policy = {
  decorum_policy_generated_tokens_total: { help: "Tokens generated." },
  decorum_policy_encoded_prompts_total: {
    help: "Prompts encoded: fewer than sequences where these share prompts.",
  },
  decorum_policy_first_token_seconds: {
    help: "Time from a request to its first token, the wait in the queue included.",
    buckets: seconds,
  },
  decorum_policy_token_seconds: {
    help: "Time between two tokens of a sequence: what a batch took over its longest response.",
    buckets: fastSeconds,
  },
  decorum_policy_weights_version: {
    help: "Newest version of a run's weights that the policy holds.",
    labels: { run_id: "run" },
  },
  decorum_policy_weight_pushes_total: {
    help: "Weight pushes by outcome.",
    labels: { outcome: ["committed", "refused", "aborted"] },
  },
  decorum_policy_weight_commit_seconds: {
    help: "Time of a commit: the checks of the weights and the swap.",
    buckets: fastSeconds,
  },
} as const;

const learner = {
  decorum_learner_run_seconds: {
    help: "Time of one run of a graph, the wait for the run before it included.",
    buckets: seconds,
    labels: { graph: ["forward", "update", "compare"] },
  },
} as const;

const trainer = {
  decorum_trainer_run_state: {
    help: "1 for the state that a run is in, 0 for the others.",
    labels: { run_id: "run", state: runStates },
  },
  decorum_trainer_step: { help: "Steps done.", labels: { run_id: "run" } },
  decorum_trainer_planned_steps: {
    help: "Steps that the run is to take.",
    labels: { run_id: "run" },
  },
  decorum_trainer_last_step_timestamp_seconds: {
    help: "When the last step ended, since 1970.",
    labels: { run_id: "run" },
  },
  decorum_trainer_step_seconds: {
    help: "Time of a step, its push and evaluation included.",
    buckets: longSeconds,
  },
  decorum_trainer_phase_seconds: {
    help: "Time of a phase of a step; phases are named as their spans.",
    buckets: seconds,
    labels: { phase: "code" },
  },
  decorum_trainer_statistic: {
    help:
      "A statistic of the last step, as objective/kl; docs/training.md says which names are TRL's.",
    labels: { run_id: "run", name: "code" },
  },
  decorum_trainer_kl_target_nats: {
    help: "Target of the KL controller.",
    labels: { run_id: "run" },
  },
  decorum_trainer_response_tokens_total: { help: "Tokens of responses that were learned from." },
  decorum_trainer_skipped_updates_total: {
    help: "Mini-batch updates that were not applied (non_finite) and epochs left out (early_stop).",
    labels: { reason: ["non_finite", "early_stop"] },
  },
  decorum_trainer_weights_version: {
    help: "Version of the weights that the trainer pushed last.",
    labels: { run_id: "run" },
  },
  decorum_trainer_weight_push_seconds: {
    help: "Time of one push to one policy: begin, upload, commit.",
    buckets: seconds,
    labels: { outcome: ["committed", "failed"] },
  },
  decorum_trainer_shard_seconds: {
    help: "Time of one micro-batch on a learner, its way there and back included.",
    buckets: seconds,
    labels: {
      learner: "code",
      graph: ["forward", "update", "compare"],
      outcome: ["done", "failed"],
    },
  },
  decorum_trainer_learner_push_seconds: {
    help: "Time to bring new weights to a learner.",
    buckets: seconds,
    labels: { learner: "code" },
  },
  decorum_trainer_checkpoint_step: {
    help: "Step of the newest checkpoint.",
    labels: { run_id: "run" },
  },
  decorum_trainer_evaluation_step: {
    help: "Step of the newest evaluation.",
    labels: { run_id: "run" },
  },
  decorum_trainer_peer_failures_total: {
    help: "Calls to another service that failed and were made again after a pause.",
    labels: { peer: ["policy", "reward", "evaluator", "learner"] },
  },
} as const;

const evaluation = {
  decorum_evaluation_toxicity: {
    help: "Mean toxicity at the last evaluation, by the reward's classifier or the judge.",
    labels: { by: ["reward", "judge"], side },
  },
  decorum_evaluation_statistic: {
    help: "Further means of the last evaluation.",
    labels: { name: ["rouge_l", "distinct_1", "distinct_2", "response_tokens"], side },
  },
  decorum_evaluation_kl_nats: {
    help: "KL of the policy from its start at the last evaluation, a response.",
  },
  decorum_evaluation_duration_seconds: {
    help: "Time of an evaluation.",
    buckets: longSeconds,
    labels: { outcome: ["finished", "failed"] },
  },
} as const;

const machinery = {
  decorum_worker_memory_bytes: {
    help:
      "Memory of a worker thread: its JavaScript heap, its array buffers, and what the process grew by while it loaded and ran its sessions (an estimate: onnxruntime does not say).",
    labels: { worker: "code", kind: ["heap", "buffers", "sessions"] },
  },
  decorum_worker_sessions: {
    help: "Sessions that a worker thread holds.",
    labels: { worker: "code" },
  },
  decorum_worker_busy_seconds_total: {
    help: "Time that a worker thread spent in calls.",
    labels: { worker: "code" },
  },
  decorum_gpu_utilization_ratio: {
    help: "Share of time in which the GPU was busy, by nvidia-smi.",
    labels: { gpu: "code" },
  },
  decorum_gpu_memory_used_bytes: {
    help: "Memory in use on the GPU, by nvidia-smi.",
    labels: { gpu: "code" },
  },
  decorum_gpu_memory_size_bytes: {
    help: "Memory of the GPU, by nvidia-smi.",
    labels: { gpu: "code" },
  },
  decorum_gpu_power_watts: {
    help: "Power that the GPU draws, by nvidia-smi.",
    labels: { gpu: "code" },
  },
  decorum_gpu_temperature_celsius: {
    help: "Temperature of the GPU, by nvidia-smi.",
    labels: { gpu: "code" },
  },
} as const;

const process = {
  decorum_serving: { help: "1 while the health check says SERVING, else 0." },
  decorum_event_loop_lag_seconds: {
    help: "How late a timer of the main thread comes; asked twice a second.",
    buckets: fastSeconds,
  },
  decorum_log_entries_total: {
    help: "Log entries at warn and error.",
    labels: { level: ["warn", "error"] },
  },
  decorum_credential_reloads_total: {
    help: "Certificates and token files that changed and were read again.",
    labels: { kind: ["certificate", "tokens"], outcome: ["loaded", "failed"] },
  },
  decorum_certificate_expiry_timestamp_seconds: {
    help: "When the certificate in use ends, since 1970.",
    labels: { side: ["server", "client"] },
  },
  decorum_telemetry_exported_spans_total: { help: "Spans that the collector took." },
  decorum_telemetry_dropped_spans_total: {
    help: "Spans lost: the queue was full, or the collector failed, or did not answer in time.",
    labels: { reason: ["queue_full", "export_failed", "export_timeout", "shutdown"] },
  },
  decorum_telemetry_dropped_series_total: {
    help: "Values left out because their metric has too many label sets.",
  },
  decorum_build_info: {
    help: "1; the labels say what runs.",
    labels: { service: "code", version: "code", runtime: "code" },
  },
  process_resident_memory_bytes: {
    help: "Resident memory of the process, its workers and mapped weights included.",
  },
  decorum_process_peak_memory_bytes: { help: "The most memory that was ever resident." },
  decorum_process_private_memory_bytes: {
    help: "Resident memory without mapped files: what sessions, heaps and buffers take.",
  },
  decorum_process_heap_bytes: { help: "JavaScript heap in use on the main thread." },
  process_cpu_seconds_total: { help: "User and system CPU time." },
  process_start_time_seconds: { help: "Start of the process since 1970." },
} as const;

/** Every metric by the part of the system that has it; the order of docs/metrics.md. */
export const metricGroups = {
  calls,
  batching,
  policy,
  learner,
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
  ...learner,
  ...trainer,
  ...evaluation,
  ...machinery,
  ...process,
} as const satisfies Record<string, MetricDeclaration>;
