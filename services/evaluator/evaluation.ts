import type { evaluatorV1, policyV1 } from "@decorum/rpc";
import type { TextItem } from "@decorum/scoring";
import { inSpan, type Logger } from "@decorum/telemetry";
import type { RewardCall, Terms } from "@decorum/rewards";
import { distinctN } from "@decorum/text";
import { complete, type Policies, type Side } from "./completions.ts";
import type { EvaluationRequest } from "./evaluation_request.ts";
import { measureRewards, type NamedComparison } from "./rewards.ts";
import {
  compare,
  type Comparison,
  type Moments,
  moments,
  rougeMeans,
  sequenceKl,
  spread,
} from "./statistics.ts";
import type { ToxicityScorer } from "./toxicity.ts";

/** What an evaluation is made with. */
export interface EvaluationTools {
  readonly policies: Policies;
  /** By the reward's classifier. */
  readonly toxicity: ToxicityScorer<TextItem>;
  readonly judge: { readonly name: string; readonly toxicity: ToxicityScorer<string> } | undefined;
  /** Terms of a reward, and how their services are called. */
  readonly rewards: { readonly terms: Terms; readonly call: RewardCall } | undefined;
  /** Prompts of one request to the policy. */
  readonly groupSize: number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Told how far it has come. */
  readonly onProgress: (progress: EvaluationProgress) => void;
}

export type Phase = "GENERATE_BEFORE" | "GENERATE_AFTER" | "SCORE" | "JUDGE" | "REWARDS";

export interface EvaluationProgress {
  readonly phase: Phase;
  readonly done: number;
  readonly total: number;
}

/** The measurement, but for its wall time. */
export interface Evaluation {
  readonly toxicity: Comparison;
  readonly toxicityWithQuery: Comparison;
  readonly judge: Comparison | undefined;
  readonly judgeModel: string;
  /** Terms of the reward in their order; empty where none are measured. */
  readonly rewards: readonly NamedComparison[];
  /** Their weighted sum. */
  readonly reward: NamedComparison | undefined;
  readonly rouge: evaluatorV1.RougeScores | undefined;
  readonly kl: number;
  readonly distinct1: evaluatorV1.BeforeAfter;
  readonly distinct2: evaluatorV1.BeforeAfter;
  readonly lengthBefore: Moments;
  readonly lengthAfter: Moments;
  readonly before: policyV1.WeightsVersion;
  readonly after: policyV1.WeightsVersion;
  readonly samples: readonly evaluatorV1.EvaluationSample[];
  readonly toxicityBefore: readonly number[];
  readonly toxicityAfter: readonly number[];
}

/**
 * Measures a policy before and after training, paired by prompt: both sides complete the same prompts in the same
 * groups with the same draws.
 *
 * @throws StatusError, RpcError as `complete`; RewardError naming the term; the signal's reason
 */
export async function evaluate(
  request: EvaluationRequest,
  tools: EvaluationTools,
): Promise<Evaluation> {
  const { prompts } = request;
  const bootstrap = { samples: request.bootstrapSamples, seed: request.seed };

  // A term that cannot be used at all is told before anything is generated.
  const { rewards } = tools;
  await rewards?.terms.check(rewards.call);

  // 1. Both sides complete the prompts.
  const before = await phase(
    "GENERATE_BEFORE",
    prompts.length,
    tools,
    (onDone) =>
      complete(tools.policies, {
        ...request,
        ...tools,
        weights: request.before,
        logprobs: false,
        onDone,
      }),
  );
  const after = await phase(
    "GENERATE_AFTER",
    prompts.length,
    tools,
    (onDone) =>
      complete(tools.policies, {
        ...request,
        ...tools,
        weights: request.after,
        logprobs: true,
        onDone,
      }),
  );
  const n = prompts.length;
  const texts = [before, after].flatMap(({ completions }) => completions.map(({ text }) => text));

  // 2. Toxicity of responses alone, and after their queries.
  const items: TextItem[] = [
    ...texts.map((response) => ({ response })),
    ...texts.map((response, i) => ({ query: prompts[i % n]!.prompt, response })),
  ];
  const scored = await phase(
    "SCORE",
    items.length,
    tools,
    (onDone) => tools.toxicity.score(items, { ...tools, onDone }),
  );
  warnOfCuts(scored.cut, "the reward's classifier", tools.logger);
  const part = (i: number) => scored.toxicity.slice(i * n, (i + 1) * n);

  // 3. The judge.
  const { judge } = tools;
  const judged = judge &&
    await phase(
      "JUDGE",
      texts.length,
      tools,
      (onDone) => judge.toxicity.score(texts, { ...tools, onDone }),
    );
  if (judged) warnOfCuts(judged.cut, "the judge", tools.logger);

  // 4. The terms of the reward.
  const measured = rewards &&
    await phase("REWARDS", 2 * n, tools, (onDone) =>
      measureRewards(
        rewards.terms,
        prompts,
        { before: texts.slice(0, n), after: texts.slice(n) },
        { call: rewards.call, bootstrap, onDone },
      ));

  // 5. Everything else is arithmetic.
  const lengths = ({ completions }: Side) => moments(completions.map(({ tokens }) => tokens));
  return {
    toxicity: compare(part(0), part(1), bootstrap),
    toxicityWithQuery: compare(part(2), part(3), bootstrap),
    judge: judged && compare(judged.toxicity.slice(0, n), judged.toxicity.slice(n), bootstrap),
    judgeModel: judge?.name ?? "",
    rewards: measured?.terms ?? [],
    reward: measured?.sum,
    rouge: rougeOf(request, before, after),
    kl: sequenceKl(after.completions),
    distinct1: distinct(1, before, after),
    distinct2: distinct(2, before, after),
    lengthBefore: lengths(before),
    lengthAfter: lengths(after),
    before: before.weights,
    after: after.weights,
    samples: spread(n, request.samples).map((i) => ({
      key: prompts[i]!.key,
      prompt: prompts[i]!.prompt,
      before: before.completions[i]!.text,
      after: after.completions[i]!.text,
      toxicityBefore: part(0)[i]!,
      toxicityAfter: part(1)[i]!,
      rewardsBefore: measured?.of(i, "before") ?? {},
      rewardsAfter: measured?.of(i, "after") ?? {},
    })),
    toxicityBefore: part(0),
    toxicityAfter: part(1),
  };
}

/** Runs one phase in a span of its own, and tells how far it is. */
async function phase<R>(
  name: Phase,
  total: number,
  { onProgress, signal }: EvaluationTools,
  work: (onDone: (done: number) => void) => Promise<R>,
): Promise<R> {
  signal.throwIfAborted();
  onProgress({ phase: name, done: 0, total });
  const attributes = { "decorum.texts": total };
  const run = () => work((done) => onProgress({ phase: name, done, total }));
  return await inSpan("decorum.evaluator", `evaluator.${name.toLowerCase()}`, { attributes }, run);
}

function warnOfCuts(cut: number, who: string, logger: Logger): void {
  if (cut > 0) logger.warn(`responses were too long for ${who}: their ends were cut`, { cut });
}

function rougeOf(
  { prompts }: EvaluationRequest,
  before: Side,
  after: Side,
): evaluatorV1.RougeScores | undefined {
  const references = prompts.map(({ reference }) => reference);
  const of = ({ completions }: Side) => rougeMeans(completions.map(({ text }) => text), references);
  const [b, a] = [of(before), of(after)];
  if (!b || !a) return undefined;
  return {
    rouge1: { before: b.rouge1, after: a.rouge1 },
    rouge2: { before: b.rouge2, after: a.rouge2 },
    rougeL: { before: b.rougeL, after: a.rougeL },
    n: references.filter((reference) => reference !== undefined).length,
  };
}

function distinct(n: number, before: Side, after: Side): { before: number; after: number } {
  const of = ({ completions }: Side) => distinctN(completions.map(({ text }) => text), n);
  return { before: of(before), after: of(after) };
}
