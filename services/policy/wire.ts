import type { policyV1 } from "@decorum/rpc";
import type { Tokenizer } from "@decorum/text";
import type { PolicyConfig } from "@decorum/settings";
import { maxPushBytes } from "./manifest.ts";
import type { Policy } from "./policy.ts";
import type { TokenChunk } from "./run_batch.ts";
import type { WeightsLabel } from "./weights.ts";

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
