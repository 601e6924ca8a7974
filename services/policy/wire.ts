import type { Prompt, SamplingParams } from "@decorum/generation";
import { failedPrecondition, type policyV1 } from "@decorum/rpc";
import type { PolicyConfig } from "@decorum/settings";
import { InputError, randomKey, uniforms } from "@decorum/tensor";
import type { Tokenizer } from "@decorum/text";
import { maxPushBytes } from "./manifest.ts";
import type { Policy } from "./policy.ts";
import type { TokenChunk } from "./run_batch.ts";
import type { HeldWeights, WeightsLabel, WeightsStore } from "./weights.ts";

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

/** Tokens of one message at the most: with all their numbers it stays far below the usual 4 MiB. */
const MESSAGE_TOKENS = 32_768;

const kinds = {
  BASE: "WEIGHTS_KIND_BASE",
  START: "WEIGHTS_KIND_START",
  VERSION: "WEIGHTS_KIND_VERSION",
} as const;

/** Weights as an answer names them. */
export function weightsToWire(label: WeightsLabel): policyV1.WeightsVersion {
  return { ...label, kind: kinds[label.kind] };
}

/** One chunk, with what the caller asked for. */
export function chunkToWire(
  { row, offset, tokenIds, logprobs, values, end }: TokenChunk,
  asked: policyV1.GenerateRequest__Output,
  tokenizer: Tokenizer | undefined,
): policyV1.SequenceChunk {
  return {
    key: row.key,
    offset,
    tokenIds: [...tokenIds],
    logprobs: asked.returnLogprobs ? [...logprobs] : [],
    values: asked.returnValues ? [...values] : [],
    refLogprobs: Array.from(end?.refLogprobs ?? []),
    finishReason: end
      ? end.finishReason === "eos" ? "FINISH_REASON_EOS" : "FINISH_REASON_LENGTH"
      : "FINISH_REASON_UNSPECIFIED",
    text: end && asked.returnText && tokenizer ? textOf(end.tokenIds, tokenizer) : "",
    promptTokens: row.ids.length,
  };
}

/** Chunks cut into messages of a bounded size. */
export function* messagesOf(chunks: readonly TokenChunk[]): Iterable<readonly TokenChunk[]> {
  let message: TokenChunk[] = [];
  let tokens = 0;
  for (const chunk of chunks) {
    const size = chunk.tokenIds.length + (chunk.end?.tokenIds.length ?? 0);
    if (message.length > 0 && tokens + size > MESSAGE_TOKENS) {
      yield message;
      message = [];
      tokens = 0;
    }
    message.push(chunk);
    tokens += size;
  }
  if (message.length > 0) yield message;
}

/** A model's vocabulary may be larger than its tokenizer's: ids that mean nothing are left out. */
function textOf(ids: readonly number[], tokenizer: Tokenizer): string {
  const known = ids.filter((id) => tokenizer.idToToken(id) !== undefined);
  return tokenizer.decode(known, { skipSpecialTokens: true });
}

/** The model as GetModelInfo tells of it. */
export function modelInfo(
  { model, config, shapes }: Pick<Policy, "model" | "config" | "shapes">,
): policyV1.GetModelInfoResponse {
  const lastNames = [...model.layers.keys()].map((layer) => layer.split(".").at(-1)!);
  return {
    baseModelHash: model.baseModelHash,
    tokenizerHash: model.tokenizerHash,
    configJson: model.configJson,
    modelName: model.name,
    precision: config.model.precision,
    provider: config.provider,
    limits: limitsOf(config, maxPushBytes(shapes)),
    adaptableModules: [...new Set(lastNames)],
    sharesPrompts: true,
  };
}

function limitsOf({ limits, keep_versions }: PolicyConfig, maxUploadBytes: number) {
  return {
    maxPrompts: limits.max_prompts,
    maxPromptTokens: limits.max_prompt_tokens,
    maxNewTokens: limits.max_new_tokens,
    keptVersions: keep_versions,
    maxUploadBytes,
  };
}
