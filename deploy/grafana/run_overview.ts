import { type DashboardSpec, lines, mean, query, rate, stat } from "./panel.ts";

const run = 'run_id="$run"';
const of = (name: string) => `decorum_trainer_statistic{${run},name="${name}"}`;
/** Statistics of the terms of a reward; the first group of the pattern is the legend. */
const terms = (pattern: string) =>
  query(
    `label_replace(decorum_trainer_statistic{${run},name=~"${pattern}"}, "term", "$1", "name", "${pattern}")`,
    "{{term}}",
  );
const one = (name: string, legend: string) => query(of(name), legend);

/** What somebody wants to know who has started a run. */
export const runOverview: DashboardSpec = {
  uid: "decorum-run",
  title: "Decorum / Run overview",
  description:
    "One training run: what it learns, what it costs in KL, whether evaluations agree, and where the time goes.",
  variables: ["run"],
  annotations: true,
  rows: [
    {
      title: "Now",
      panels: [
        stat(
          "Step",
          "short",
          "Steps done since the run began.",
          `decorum_trainer_step{${run}}`,
        ),
        stat(
          "Progress",
          "percentunit",
          "Steps done over steps planned.",
          `decorum_trainer_step{${run}} / decorum_trainer_planned_steps{${run}}`,
          { min: 0, max: 1 },
        ),
        stat("Mean score", "short", "Mean raw score of the last step.", of("ppo/mean_scores")),
        stat("KL", "short", "Nats from the reference, a response.", of("objective/kl")),
        stat(
          "Toxicity after",
          "percentunit",
          "Mean toxicity of held-out prompts at the last evaluation, by the reward's classifier.",
          'decorum_evaluation_toxicity{job="trainer",by="reward",side="after"}',
        ),
        stat(
          "Last step",
          "s",
          "Time since the last step ended. More than a few steps' time: the run is stuck.",
          `time() - decorum_trainer_last_step_timestamp_seconds{${run}}`,
        ),
        stat(
          "Checkpoint",
          "short",
          "Step of the newest checkpoint: what a crash goes back to.",
          `decorum_trainer_checkpoint_step{${run}}`,
        ),
        stat(
          "Weights version",
          "short",
          "Version of the weights that the trainer pushed last.",
          `decorum_trainer_weights_version{${run}}`,
        ),
      ],
    },
    {
      title: "Learning",
      panels: [
        lines(
          "Reward",
          "short",
          "Mean score of a step's responses, and its spread. It rises; when it rises and the evaluations' toxicity does not fall, the policy plays the reward.",
          [
            one("ppo/mean_scores", "mean score"),
            query(
              `${of("ppo/mean_scores")} - ignoring (name) ${of("ppo/std_scores")}`,
              "mean - std",
            ),
            query(
              `${of("ppo/mean_scores")} + ignoring (name) ${of("ppo/std_scores")}`,
              "mean + std",
            ),
          ],
          { band: { upper: "mean + std", lower: "mean - std" } },
        ),
        lines(
          "Terms of the reward",
          "short",
          "Mean of each term over a step's responses, before its weight. One that rises alone, or falls while the sum rises, is the one that is played, or paid with.",
          [terms("rewards/(.+)/mean")],
        ),
        lines(
          "Spread of the terms",
          "short",
          "Standard deviation of each term over a step's responses. The term with the largest, times its weight, decides what is learned; near 0 a term teaches nothing.",
          [terms("rewards/(.+)/std")],
          { min: 0 },
        ),
        lines(
          "KL and its target",
          "short",
          "Nats from the frozen reference, a response, and 20 % around the controller's target. Far above it the policy has left its start.",
          [
            one("objective/kl", "KL"),
            query(`0.8 * decorum_trainer_kl_target_nats{${run}}`, "target - 20 %"),
            query(`1.2 * decorum_trainer_kl_target_nats{${run}}`, "target + 20 %"),
          ],
          { band: { upper: "target + 20 %", lower: "target - 20 %" } },
        ),
        lines(
          "KL coefficient",
          "short",
          "Weight of the KL penalty, as the controller sets it.",
          [one("objective/kl_coef", "coefficient")],
        ),
        lines(
          "Entropy",
          "short",
          "Nats a token of the policy. Near 0 it says the same whatever it is asked.",
          [one("ppo/policy/entropy", "entropy")],
          { min: 0 },
        ),
        lines(
          "Clip fraction and approximate KL",
          "short",
          "How far an update moves the policy: share of tokens whose ratio was clipped, and approxkl of the step.",
          [one("ppo/policy/clipfrac", "clip fraction"), one("ppo/policy/approxkl", "approxkl")],
          { min: 0 },
        ),
        lines(
          "Explained variance of values",
          "percentunit",
          "1: the value head foresees returns; 0 or less: it is of no use yet.",
          [one("ppo/val/var_explained", "explained")],
          { max: 1 },
        ),
      ],
    },
    {
      title: "Evaluations of held-out prompts",
      panels: [
        lines(
          "Toxicity",
          "percentunit",
          "Mean toxicity of responses before (the frozen reference) and after, by the reward's classifier and by an independent judge.",
          [query('decorum_evaluation_toxicity{job="trainer"}', "{{side}}, by {{by}}")],
          { min: 0 },
        ),
        lines(
          "Terms of the reward",
          "short",
          "Mean of each term on responses before (the frozen reference) and after, at the last evaluation.",
          [terms("eval/rewards/(.+)")],
        ),
        lines(
          "ROUGE-L and distinct-2",
          "percentunit",
          "Likeness to human texts, and share of word pairs that are distinct: a policy that degenerates loses both.",
          [query(
            'decorum_evaluation_statistic{job="evaluator",name=~"rouge_l|distinct_2"}',
            "{{name}} {{side}}",
          )],
          { min: 0, max: 1 },
        ),
        lines(
          "Response length",
          "short",
          "Mean tokens of a response in training, and its spread. Responses that grow or shrink without end are a sign of a reward that is played.",
          [
            one("tokens/responses_len_mean", "mean"),
            one("tokens/responses_len_std", "std"),
          ],
          { min: 0 },
        ),
      ],
    },
    {
      title: "Time",
      panels: [
        lines(
          "Time of a step by phase",
          "s",
          "Mean time of each phase of a step; phases are named as the spans of its trace.",
          [mean("decorum_trainer_phase_seconds", 'job="trainer"', "phase", "{{phase}}")],
          { stacked: true, min: 0 },
        ),
        lines(
          "Tokens learned from",
          "short",
          "Response tokens a second over the whole step.",
          [rate('decorum_trainer_response_tokens_total{job="trainer"}', "job", "tokens/s")],
          { min: 0 },
        ),
        lines(
          "Weights that policies lack",
          "short",
          "Versions by which each policy is behind the trainer. Above 0 for longer than a push: that policy is not reached.",
          [query(
            `max by (run_id) (decorum_trainer_weights_version{${run}}) - on (run_id) group_right () ` +
              `decorum_policy_weights_version{${run}}`,
            "{{instance}}",
          )],
          { min: 0 },
        ),
      ],
    },
    {
      title: "Learners",
      panels: [
        lines(
          "Micro-batches by learner",
          "short",
          "Micro-batches that each learner finished, a second. Empty where the trainer computes itself.",
          [rate(
            'decorum_trainer_shard_seconds_count{job="trainer",outcome="done"}',
            "learner",
            "{{learner}}",
          )],
          { min: 0 },
        ),
        lines(
          "Time of a micro-batch",
          "s",
          "Mean time of a micro-batch on each learner, its way there and back included.",
          [mean("decorum_trainer_shard_seconds", 'job="trainer"', "learner", "{{learner}}")],
          { min: 0 },
        ),
        lines(
          "Weights to learners",
          "s",
          "Mean time to bring new parameters to each learner.",
          [mean("decorum_trainer_learner_push_seconds", 'job="trainer"', "learner", "{{learner}}")],
          { min: 0 },
        ),
      ],
    },
    {
      title: "What went wrong",
      panels: [
        lines(
          "Updates left out",
          "short",
          "Mini-batches that were not finite, and epochs ended early, in an interval.",
          [query(
            "sum by (reason) (increase(decorum_trainer_skipped_updates_total[$__rate_interval]))",
            "{{reason}}",
          )],
          { min: 0 },
        ),
        lines(
          "Pushes of weights",
          "s",
          "Mean time of a push to one policy, by how it ended.",
          [mean("decorum_trainer_weight_push_seconds", 'job="trainer"', "outcome", "{{outcome}}")],
          { min: 0 },
        ),
        lines(
          "Calls made again",
          "short",
          "Calls to other services that failed and were made again, in an interval.",
          [query(
            "sum by (peer) (increase(decorum_trainer_peer_failures_total[$__rate_interval]))",
            "{{peer}}",
          )],
          { min: 0 },
        ),
      ],
    },
  ],
};
