import { type DashboardSpec, lines, mean, quantiles, query, rate } from "./panel.ts";

const at = 'job=~"$job",instance=~"$instance"';

/** Queues, batches and models: how policy and reward bear their load. */
export const inference: DashboardSpec = {
  uid: "decorum-inference",
  title: "Decorum / Inference",
  description: "Queues, batches, padding and tokens of the policy and the reward.",
  variables: ["job", "instance"],
  annotations: false,
  rows: [
    {
      title: "Queues",
      panels: [
        lines(
          "Depth",
          "short",
          "What waits: requests at the policy, items at the reward. It should come back to 0.",
          [query(`decorum_queue_depth{${at}}`, "{{instance}} {{queue}}")],
          { min: 0 },
        ),
        lines(
          "Age of the oldest",
          "s",
          "How long the oldest request has waited. Above a caller's deadline, work is done in vain.",
          [query(`decorum_queue_oldest_seconds{${at}}`, "{{instance}} {{queue}}")],
          { min: 0 },
        ),
        lines(
          "Wait",
          "s",
          "Time that requests waited for their batch.",
          quantiles("decorum_queue_wait_seconds", at, "queue", "{{queue}}"),
          { min: 0 },
        ),
        lines(
          "Tokens that wait",
          "short",
          "Padded tokens of what waits, which is what the queue's limit is about.",
          [query(`decorum_queue_tokens{${at}}`, "{{instance}} {{queue}}")],
          { min: 0 },
        ),
        lines(
          "Rejections",
          "reqps",
          "Requests that a queue refused (full: callers come back later) or gave up (expired, cancelled).",
          [rate(`decorum_queue_rejections_total{${at}}`, "job, reason", "{{job}} {{reason}}")],
          { min: 0 },
        ),
        lines(
          "Reloads of a model",
          "short",
          "Models loaded after the first, in an interval, by why and how it ended.",
          [query(
            `sum by (job, reason, outcome) (increase(decorum_model_reloads_total{${at}}[$__rate_interval]))`,
            "{{job}} {{reason}} {{outcome}}",
          )],
          { min: 0 },
        ),
      ],
    },
    {
      title: "Batches",
      panels: [
        lines(
          "Size",
          "short",
          "Mean sequences in a batch.",
          [mean("decorum_batch_size", at, "job", "{{job}}")],
          { min: 0 },
        ),
        lines(
          "Time",
          "s",
          "Time of a batch in the model.",
          quantiles("decorum_batch_duration_seconds", at, "job", "{{job}}"),
          { min: 0 },
        ),
        lines(
          "Padding",
          "percentunit",
          "Share of tokens that are padding: lengths in a batch differ by that much.",
          [query(
            `sum by (job) (rate(decorum_batch_tokens_total{${at},kind="padding"}[$__rate_interval])) / ` +
              `sum by (job) (rate(decorum_batch_tokens_total{${at}}[$__rate_interval]))`,
            "{{job}}",
          )],
          { min: 0, max: 1 },
        ),
        lines(
          "Tokens through the model",
          "short",
          "Tokens a second, real and padding.",
          [rate(`decorum_batch_tokens_total{${at}}`, "job, kind", "{{job}} {{kind}}")],
          { min: 0, stacked: true },
        ),
        lines(
          "Batches",
          "ops",
          "Batches a second.",
          [rate(`decorum_batch_duration_seconds_count{${at}}`, "job", "{{job}}")],
          { min: 0 },
        ),
        lines(
          "Workers busy",
          "percentunit",
          "Share of time in which a model's thread computed. Near 1: add a replica.",
          [query(
            `rate(decorum_worker_busy_seconds_total{${at}}[$__rate_interval])`,
            "{{instance}} {{worker}}",
          )],
          { min: 0, max: 1 },
        ),
      ],
    },
    {
      title: "Generation",
      panels: [
        lines(
          "Tokens generated",
          "short",
          "Tokens a second of each policy.",
          [query(
            "rate(decorum_policy_generated_tokens_total[$__rate_interval])",
            "{{instance}}",
          )],
          { min: 0 },
        ),
        lines(
          "Time to the first token",
          "s",
          "From a request to its first token, the wait in the queue included.",
          quantiles("decorum_policy_first_token_seconds", 'job="policy"', "job", ""),
          { min: 0 },
        ),
        lines(
          "Time between tokens",
          "s",
          "Of a sequence, after its first.",
          quantiles("decorum_policy_token_seconds", 'job="policy"', "job", ""),
          { min: 0 },
        ),
        lines(
          "Pushes received",
          "short",
          "Weight pushes in an interval, by how they ended. Refused ones changed nothing.",
          [query(
            "sum by (instance, outcome) (increase(decorum_policy_weight_pushes_total[$__rate_interval]))",
            "{{instance}} {{outcome}}",
          )],
          { min: 0 },
        ),
        lines(
          "Time of a commit",
          "s",
          "Checks of the weights and the swap: no batch runs meanwhile.",
          quantiles("decorum_policy_weight_commit_seconds", 'job="policy"', "job", "", [0.5, 0.95]),
          { min: 0 },
        ),
        lines(
          "Version held",
          "short",
          "Newest version of each run's weights on each policy.",
          [query("decorum_policy_weights_version", "{{instance}} {{run_id}}")],
          { min: 0 },
        ),
      ],
    },
  ],
};
