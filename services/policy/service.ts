import { InputError } from "@decorum/tensor";
import { type Span, trace } from "@opentelemetry/api";
import {
  audited,
  type CallContext,
  failedPrecondition,
  type Handlers,
  MAX_CHUNK_BYTES,
  type policyService,
} from "@decorum/rpc";
import type { LogFields, Logger, Metrics } from "@decorum/telemetry";
import { pushOf } from "./manifest.ts";
import type { Policy } from "./policy.ts";
import type { Upload } from "./upload.ts";
import { describeWeights, type HeldWeights } from "./weights.ts";
import {
  chunkToWire,
  type GenerationRequest,
  messagesOf,
  modelInfo,
  parseRequest,
  weightsToWire,
} from "./wire.ts";

/** What the handlers need; `policy` settles when the model is loaded, and calls wait for it. */
export interface PolicyServiceOptions {
  readonly policy: Promise<Policy>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The methods of PolicyService: messages to domain values and back. */
export function policyHandlers(
  { policy: loading, logger, metrics }: PolicyServiceOptions,
): Handlers<typeof policyService> {
  const refused = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      metrics.add("decorum_policy_weight_pushes_total", 1, { outcome: "refused" });
      throw error;
    }
  };
  /** Every call that has to do with changing weights is audited. */
  const audit = <T>(
    call: CallContext,
    fields: LogFields,
    work: () => T | Promise<T>,
    describe?: (result: T) => LogFields,
  ) => audited({ logger, call, fields, ...(describe ? { describe } : {}) }, work);
  const newest = ({ label }: HeldWeights) =>
    metrics.set("decorum_policy_weights_version", label.version, { run_id: label.runId });

  return {
    async *generate(request, call) {
      const policy = await loading;
      const { model, config } = policy;
      const { limits } = config;
      const bounds = { limits, vocabSize: model.config.vocab_size, tokenizer: model.tokenizer };
      const parsed = parseRequest(request, bounds, policy.store);
      if (request.returnText && !model.tokenizer) {
        throw failedPrecondition("Cannot return text: the model has no tokenizer");
      }
      const span = trace.getActiveSpan();
      describeRequest(span, parsed, model.name);
      const weights = weightsToWire(parsed.weights.label);
      let tokens = 0;
      for await (const chunks of policy.generate(parsed, call)) {
        for (const message of messagesOf(chunks)) {
          yield { chunks: message.map((c) => chunkToWire(c, request, model.tokenizer)), weights };
        }
        tokens += chunks.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
      }
      span?.setAttribute("gen_ai.usage.output_tokens", tokens);
    },

    async beginWeights(request, call) {
      const { model, pushes, shapes } = await loading;
      const push = {
        run_id: request.runId.slice(0, 128),
        expected_version: request.expectedVersion,
        bytes: request.manifest?.totalBytes ?? 0,
      };
      const uploadId = await audit(
        call,
        push,
        () => refused(() => pushes.begin(pushOf(request, model, shapes))),
        (id) => ({ upload_id: id }),
      );
      return { uploadId, maxChunkBytes: MAX_CHUNK_BYTES };
    },

    async uploadWeights(requests, call) {
      const { pushes } = await loading;
      let id = "";
      let upload: Upload | undefined;
      const take = async (): Promise<number> => {
        for await (const chunk of requests) {
          const { uploadId } = chunk;
          if (uploadId !== "" && id !== "" && uploadId !== id) {
            throw new InputError(
              `Cannot upload to push ${
                JSON.stringify(uploadId.slice(0, 100))
              }: this call began with ${id}`,
            );
          }
          id ||= uploadId;
          upload = pushes.upload(id);
          refused(() => upload?.write(chunk));
        }
        return upload?.received ?? 0;
      };
      const receivedBytes = await audit(call, {}, take, (bytes) => ({ upload_id: id, bytes }));
      return { receivedBytes };
    },

    async commitWeights({ uploadId, expectedVersion }, call) {
      const { pushes } = await loading;
      const began = performance.now();
      const weights = await audit(
        call,
        { upload_id: uploadId.slice(0, 100), expected_version: expectedVersion },
        () => refused(() => pushes.commit(uploadId, expectedVersion)),
        describeLabel,
      );
      const seconds = (performance.now() - began) / 1000;
      metrics.observe("decorum_policy_weight_commit_seconds", seconds, {});
      metrics.add("decorum_policy_weight_pushes_total", 1, { outcome: "committed" });
      newest(weights);
      return { weights: weightsToWire(weights.label) };
    },

    async abortWeights({ uploadId }, call) {
      const { pushes } = await loading;
      const aborted = await audit(
        call,
        { upload_id: uploadId.slice(0, 100) },
        () => pushes.abort(uploadId),
        (found) => ({ aborted: found }),
      );
      if (aborted) metrics.add("decorum_policy_weight_pushes_total", 1, { outcome: "aborted" });
      return { aborted };
    },

    async rollbackWeights({ runId, expectedVersion }, call) {
      const { store } = await loading;
      const weights = await audit(
        call,
        { run_id: runId.slice(0, 128), expected_version: expectedVersion },
        () => store.rollback(runId, expectedVersion),
        describeLabel,
      );
      newest(weights);
      return { weights: weightsToWire(weights.label) };
    },

    async getVersion({ runId }) {
      const { store } = await loading;
      const { current, held } = store.list(runId);
      return {
        current: weightsToWire(current.label),
        held: held.map(({ label }) => weightsToWire(label)),
      };
    },

    async getModelInfo() {
      return modelInfo(await loading);
    },
  };
}

/** Weights as the audit log names them. */
function describeLabel({ label }: HeldWeights): LogFields {
  const sha256 = Array.from(label.sha256, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { run_id: label.runId, weights: label.kind, version: label.version, sha256 };
}

/** The names of OpenTelemetry's conventions for generative models; prompts are not told. */
function describeRequest(
  span: Span | undefined,
  { rows, sampling, weights, asSent, sharePrompts }: GenerationRequest,
  model: string,
): void {
  span?.setAttributes({
    "gen_ai.operation.name": "text_completion",
    "gen_ai.request.model": model,
    "gen_ai.request.max_tokens": Math.max(...rows.map(({ maxNewTokens }) => maxNewTokens)),
    "gen_ai.request.temperature": sampling.temperature,
    "gen_ai.request.top_k": sampling.topK,
    "gen_ai.request.top_p": sampling.topP,
    "gen_ai.usage.input_tokens": rows.reduce((sum, { ids }) => sum + ids.length, 0),
    "decorum.prompts": rows.length,
    "decorum.as_sent": asSent,
    "decorum.share_prompts": sharePrompts,
    "decorum.weights": describeWeights(weights.label),
  });
}
