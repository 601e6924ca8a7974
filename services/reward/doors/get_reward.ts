import { z } from "zod";
import type { TextItem } from "@decorum/scoring";
import type { Caller } from "@decorum/serving";
import type { ScoredTexts, ScoringDesk } from "../scoring_desk.ts";
import { labelOf } from "../texts.ts";
import { HttpError } from "@decorum/service";

/** What OpenRLHF's client sends: `query` is prompt and response in one text. Labels are of the data set: not read. */
const bodySchema = z.looseObject({
  query: z.union([z.string().transform((one) => [one]), z.array(z.string())], {
    error: "expected a text, or a list of texts",
  }),
  prompts: z.array(z.string().nullable()).nullish(),
});

/** Settings of a request, in its URL, because the client sends no others. */
const settingsSchema = z.strictObject({
  /** Label whose logit is the reward. */
  label: z.string().min(1).optional(),
  truncate: z.enum(["true", "false"], { error: "expected true or false" }).default("false"),
  /** What is scored: the query as it came, what stands in it behind the prompt, or both as a pair. */
  input: z.enum(["query", "response", "pair"], { error: "expected query, response or pair" })
    .default("query"),
});

/** The answer, as OpenRLHF's client reads it. */
export interface GetRewardAnswer {
  /** Raw logits of the label, one for each query. */
  readonly rewards: readonly number[];
  readonly scores: readonly number[];
  /** Numbers, which the client logs. */
  readonly extra_logs: {
    /** Probability of the label. */
    readonly probability: readonly number[];
    readonly tokens: readonly number[];
    readonly truncated_tokens: readonly number[];
  };
  /** The label whose logits these are. */
  readonly label: string;
  readonly model_version: string;
}

/**
 * Scores the texts of `POST /get_reward`.
 *
 * @throws HttpError 400 naming the field; as `ScoringDesk.score`
 */
export async function getReward(
  desk: ScoringDesk,
  body: unknown,
  search: URLSearchParams,
  call: Pick<Caller, "signal" | "deadline">,
): Promise<GetRewardAnswer> {
  const { label, truncate, input } = parsed(
    settingsSchema,
    Object.fromEntries(search),
    "in the URL",
  );
  const { query, prompts } = parsed(bodySchema, body, "in the body");
  const items = query.map((text, i) => itemOf(text, prompts?.[i], input, i));
  const scored = await desk.score(
    { items, nameOf: (i) => `query ${i}`, truncate: truncate === "true", asSent: false },
    { ...call, wait: false },
    (classifier) => labelOf(label ?? "", desk.config.label, classifier),
  );
  return answerOf(scored, scored.prepared.index, scored.prepared.name);
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`
  );
  throw new HttpError(400, `Cannot get rewards: ${where}, ${problems.join("; ")}`);
}

function itemOf(
  query: string,
  prompt: string | null | undefined,
  input: "query" | "response" | "pair",
  at: number,
): TextItem {
  if (input === "query") return { response: query };
  if (typeof prompt !== "string" || !query.startsWith(prompt)) {
    throw new HttpError(
      400,
      `Cannot get rewards for input=${input}: query ${at} does not begin with prompts[${at}]`,
    );
  }
  const response = query.slice(prompt.length);
  return input === "pair" ? { query: prompt, response } : { response };
}

function answerOf(
  { classifier, items, logits }: ScoredTexts<unknown>,
  index: number,
  label: string,
): GetRewardAnswer {
  const rewards = logits.map((row) => row[index]!);
  return {
    rewards,
    scores: rewards,
    extra_logs: {
      probability: logits.map((row) => classifier.probabilities(row)[index]!),
      tokens: items.map(({ ids }) => ids.length),
      truncated_tokens: items.map(({ truncated }) => truncated),
    },
    label,
    model_version: classifier.version,
  };
}
