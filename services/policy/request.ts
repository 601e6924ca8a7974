import type { Prompt, SamplingParams } from "@decorum/generation";
import { failedPrecondition, type policyV1 } from "@decorum/rpc";
import { InputError, randomKey, uniforms } from "@decorum/tensor";
import type { Tokenizer } from "@decorum/text";
import type { PolicyConfig } from "@decorum/settings";
import type { HeldWeights, WeightsStore } from "./weights.ts";

/** A text of more characters a token than this is refused before it is tokenised. */
const CHARACTERS_PER_TOKEN = 64;

/** One sequence to complete. */
export interface Row extends Prompt {
  readonly key: string;
}

/** A request as the service understood it; everything in it has been checked. */
export interface GenerationRequest {
  readonly rows: readonly Row[];
  /** For greedy decoding temperature 1, no top-k, no top-p. */
  readonly sampling: SamplingParams;
  readonly weights: HeldWeights;
  /** What the reference log-probabilities are of. */
  readonly start: HeldWeights;
  /** True: one batch, as it is. */
  readonly asSent: boolean;
  /** True: tokens as they are made. */
  readonly stream: boolean;
  readonly refLogprobs: boolean;
  /** True: a prompt that several rows have is encoded once where they run together. */
  readonly sharePrompts: boolean;
}

/** What a request is checked against. */
export interface RequestBounds {
  readonly limits: PolicyConfig["limits"];
  readonly vocabSize: number;
  /** Undefined: requests bring ids. */
  readonly tokenizer: Tokenizer | undefined;
}

/**
 * A request as domain values.
 *
 * @throws InputError naming field and prompt; StatusError NOT_FOUND for weights that are not
 * held, FAILED_PRECONDITION for a text where there is no tokenizer
 */
export function parseRequest(
  request: policyV1.GenerateRequest__Output,
  bounds: RequestBounds,
  store: WeightsStore,
): GenerationRequest {
  const { prompts, seed, asSent } = request;
  const { max_prompts } = bounds.limits;
  if (prompts.length === 0 || prompts.length > max_prompts) {
    throw new InputError(
      `Cannot generate for ${prompts.length} prompts: expected 1 to ${max_prompts}`,
    );
  }
  if (!Number.isSafeInteger(seed)) {
    throw new InputError(`Cannot generate with seed ${seed}: expected at most 2^53 - 1`);
  }
  const keys = new Set<string>();
  for (const { key } of prompts) {
    if (keys.has(key)) {
      throw new InputError(
        `Cannot generate: two prompts have the key ${JSON.stringify(key)}; expected distinct keys`,
      );
    }
    keys.add(key);
  }
  const sampling = request.sampling;
  if (sampling === null) {
    throw new InputError("Cannot generate: sampling is missing; max_new_tokens has no default");
  }
  const rows = prompts.map((prompt) => rowOf(prompt, sampling, seed, bounds));
  const runId = request.weights?.runId ?? "";
  return {
    rows,
    sampling: samplingOf(sampling),
    weights: store.resolve(selectorOf(request.weights)),
    start: store.startOf(runId),
    asSent,
    stream: request.streamChunks,
    refLogprobs: request.returnRefLogprobs,
    sharePrompts: request.sharePrompts,
  };
}

function rowOf(
  prompt: policyV1.Prompt__Output,
  sampling: policyV1.SamplingParameters__Output,
  seed: number,
  bounds: RequestBounds,
): Row {
  const { key } = prompt;
  const what = `Cannot generate for prompt ${JSON.stringify(key.slice(0, 100))}`;
  const ids = idsOf(prompt, what, bounds);
  const most = bounds.limits.max_new_tokens;
  const maxNewTokens = prompt.maxNewTokens ?? sampling.maxNewTokens;
  const { minNewTokens } = sampling;
  if (maxNewTokens < 1 || maxNewTokens > most) {
    throw new InputError(`${what}: max_new_tokens is ${maxNewTokens}, expected 1 to ${most}`);
  }
  if (minNewTokens > maxNewTokens) {
    throw new InputError(
      `${what}: min_new_tokens is ${minNewTokens}, more than max_new_tokens, which is ${maxNewTokens}`,
    );
  }
  // A sequence's draws depend on the seed and its key alone: not on its batch, its replica, or its chunks.
  const draws = randomKey(seed, "draw", key);
  return {
    key,
    ids,
    minNewTokens,
    maxNewTokens,
    uniforms: (start, count) => uniforms(draws, start, count),
  };
}

function idsOf(
  prompt: policyV1.Prompt__Output,
  what: string,
  { limits, vocabSize, tokenizer }: RequestBounds,
): readonly number[] {
  const most = limits.max_prompt_tokens;
  if (prompt.text !== undefined && prompt.text !== null) {
    if (!tokenizer) {
      throw failedPrecondition(`${what}: the model has no tokenizer; send token ids, not text`);
    }
    if (prompt.text.length > most * CHARACTERS_PER_TOKEN) {
      throw new InputError(
        `${what}: its text has ${prompt.text.length} characters, more than ${most} tokens can have; shorten it`,
      );
    }
    const { ids } = tokenizer.encode(prompt.text);
    if (ids.length > most) throw tooLong(what, ids.length, most);
    return ids;
  }
  const ids = prompt.tokenIds?.ids ?? [];
  if (ids.length === 0) throw new InputError(`${what}: it has no tokens; expected 1 to ${most}`);
  if (ids.length > most) throw tooLong(what, ids.length, most);
  const bad = ids.findIndex((id) => id >= vocabSize);
  if (bad >= 0) {
    throw new InputError(
      `${what}: token ${bad} has id ${ids[bad]}, outside the vocabulary; expected 0 to ${
        vocabSize - 1
      }`,
    );
  }
  return ids;
}

function tooLong(what: string, found: number, most: number): InputError {
  return new InputError(`${what}: it has ${found} tokens, at most ${most} are allowed; shorten it`);
}

function samplingOf(sampling: policyV1.SamplingParameters__Output): SamplingParams {
  if (!sampling.doSample) return { doSample: false, temperature: 1, topK: 0, topP: 1 };
  const { temperature = 1, topP = 1, topK } = sampling;
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new InputError(`Cannot generate with temperature ${temperature}: expected more than 0`);
  }
  if (!(topP > 0 && topP <= 1)) {
    throw new InputError(`Cannot generate with top_p ${topP}: expected more than 0, at most 1`);
  }
  return { doSample: true, temperature, topK, topP };
}

function selectorOf(
  selector: policyV1.WeightsSelector__Output | null,
): Parameters<WeightsStore["resolve"]>[0] {
  const { kind, runId, version } = selector ??
    { kind: "WEIGHTS_KIND_UNSPECIFIED", runId: "", version: 0 };
  switch (kind) {
    case "WEIGHTS_KIND_BASE":
      return { kind: "BASE" };
    case "WEIGHTS_KIND_START":
      return { kind: "START", runId };
    case "WEIGHTS_KIND_VERSION":
      return { kind: "VERSION", runId, version };
    case "WEIGHTS_KIND_UNSPECIFIED":
      return { kind: "NEWEST", runId };
    default:
      throw new InputError(`Cannot use weights of kind ${kind}: expected BASE, START or VERSION`);
  }
}
