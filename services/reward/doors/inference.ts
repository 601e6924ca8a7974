import {
  type Handlers,
  type inference,
  type inferenceService,
  notFound,
  StatusError,
  toStatus,
  unavailable,
} from "@decorum/rpc";
import type { TextClassifier } from "@decorum/scoring";
import type { Caller } from "@decorum/serving";
import { VERSION } from "@decorum/service";
import type { ScoredTexts, ScoringDesk } from "../scoring_desk.ts";
import type { Duration } from "../scorer.ts";
import { type Label, labelOf } from "../texts.ts";
import { type OutputName, readInferRequest } from "./inference_request.ts";
import { type OutputTensor, writeOutputs } from "./inference_tensors.ts";
import type { Streams } from "./streams.ts";

const PLATFORM = "decorum_onnx";
const NANOSECONDS_PER_MS = 1e6;
const none: Duration = { count: 0, ms: 0 };

/** `inference.GRPCInferenceService`: Open Inference Protocol v2, as KServe and Triton speak it. */
export function inferenceHandlers(
  desk: ScoringDesk,
  streams: Streams,
): Handlers<typeof inferenceService> {
  const { config, live, scorer } = desk;
  const inputs = [{ name: "text", optional: false }, { name: "prompt", optional: true }];
  return {
    serverLive: () => Promise.resolve({ live: true }),
    serverReady: () => Promise.resolve({ ready: live.now !== undefined }),
    modelReady: ({ name, version }) =>
      Promise.resolve({ ready: isServed(live.now, name, version) }),

    serverMetadata: () =>
      Promise.resolve({
        name: "decorum",
        version: VERSION,
        extensions: ["model_configuration", "model_repository", "statistics"],
      }),

    modelMetadata({ name, version }) {
      const classifier = served(desk, name, version);
      return Promise.resolve({
        name,
        versions: [classifier.version],
        platform: PLATFORM,
        inputs: inputs.map((input) => ({ name: input.name, datatype: "BYTES", shape: [-1] })),
        outputs: [
          { name: "score", datatype: "FP32", shape: [-1] },
          { name: "logits", datatype: "FP32", shape: [-1, classifier.labels.length] },
          { name: "label", datatype: "BYTES", shape: [-1] },
        ],
      });
    },

    modelConfig({ name, version }) {
      const { labels } = served(desk, name, version);
      return Promise.resolve({
        config: {
          name,
          platform: PLATFORM,
          backend: PLATFORM,
          maxBatchSize: 0,
          input: inputs.map((input) => ({ ...input, dataType: "TYPE_STRING", dims: [-1] })),
          output: [
            { name: "score", dataType: "TYPE_FP32", dims: [-1] },
            { name: "logits", dataType: "TYPE_FP32", dims: [-1, labels.length] },
            { name: "label", dataType: "TYPE_STRING", dims: [-1] },
          ],
          dynamicBatching: { maxQueueDelayMicroseconds: config.batching.max_delay_ms * 1000 },
        },
      });
    },

    modelInfer: (request, { signal, deadline }) =>
      infer(desk, request, { signal, deadline, wait: false }),

    modelStreamInfer: (requests, call) =>
      streams.answer(requests, call, sizeOf, async (request, deskCall) => {
        try {
          return { inferResponse: await infer(desk, request, deskCall) };
        } catch (error) {
          deskCall.signal.throwIfAborted();
          const { name, details } = toStatus(error);
          // Triton names the request in the answer, so that its client finds what failed.
          return { errorMessage: `${name}: ${details}`, inferResponse: { id: request.id } };
        }
      }),

    async modelStatistics({ name, version }) {
      const classifier = name === "" ? await live.current() : served(desk, name, version);
      const statistics = scorer.statisticsOf(classifier);
      return {
        modelStats: [{
          name: classifier.name,
          version: classifier.version,
          lastInference: statistics.lastAt,
          inferenceCount: statistics.items,
          executionCount: [...statistics.batches.values()].reduce((n, { count }) => n + count, 0),
          inferenceStats: {
            success: durationOf(statistics.success),
            fail: durationOf(statistics.failure),
            queue: durationOf(statistics.queue),
            computeInput: durationOf(statistics.encoding),
            computeInfer: durationOf(statistics.inference),
            computeOutput: durationOf({ ...none, count: statistics.success.count }),
          },
          batchStats: [...statistics.batches].sort(([a], [b]) => a - b).map(([size, ran]) => ({
            batchSize: size,
            computeInput: durationOf({ ...none, count: ran.count }),
            computeInfer: durationOf(ran),
            computeOutput: durationOf({ ...none, count: ran.count }),
          })),
        }],
      };
    },

    repositoryIndex: ({ ready }) =>
      Promise.resolve({
        models: live.now
          ? [{ name: live.now.name, version: live.now.version, state: "READY" }]
          : ready
          ? []
          : [{ name: config.model, state: "LOADING" }],
      }),
  };
}

function isServed(now: TextClassifier | undefined, name: string, version: string): boolean {
  return now !== undefined && name === now.name && (version === "" || version === now.version);
}

/** @throws StatusError UNAVAILABLE while the model loads, NOT_FOUND for another one */
function served({ live: { now } }: ScoringDesk, name: string, version: string): TextClassifier {
  if (now === undefined) {
    throw unavailable(`model '${name}' is not ready: the server loads it`, 500);
  }
  if (isServed(now, name, version)) return now;
  throw notFound(
    name === now.name
      ? `Request for unknown model: '${name}' version ${version} is not found; served is ${now.version}`
      : `Request for unknown model: '${name}' is not found; served is '${now.name}'`,
  );
}

const sizeOf = ({ inputs }: inference.ModelInferRequest__Output) =>
  Math.max(1, ...inputs.map(({ shape: [count = 1] }) => count));

const durationOf = ({ count, ms }: Duration) => ({
  count,
  ns: Math.round(ms * NANOSECONDS_PER_MS),
});

async function infer(
  desk: ScoringDesk,
  request: inference.ModelInferRequest__Output,
  call: Caller,
): Promise<inference.ModelInferResponse> {
  const { modelName, modelVersion, id } = request;
  served(desk, modelName, modelVersion);
  const { items, shape, outputs, raw, truncate, timeoutMs, label } = readInferRequest(request);
  const deadline = Math.min(call.deadline, Date.now() + timeoutMs);
  const nameOf = (i: number) => `element ${i} of input 'text'`;
  const texts = { items, nameOf, truncate, asSent: false };
  try {
    const scored = await desk.score(
      texts,
      { ...call, deadline },
      (classifier) =>
        outputs.includes("score") || label !== ""
          ? labelOf(label, desk.config.label, classifier)
          : undefined,
    );
    return {
      modelName,
      modelVersion: scored.classifier.version,
      id,
      ...(truncate ? { parameters: { truncated_tokens: { stringParam: cuts(scored) } } } : {}),
      ...writeOutputs(outputs.map((name) => tensorOf(name, scored, shape)), raw),
    };
  } catch (error) {
    throw asTriton(error);
  }
}

function tensorOf(
  name: OutputName,
  { logits, classifier: { labels }, prepared: label }: ScoredTexts<Label | undefined>,
  shape: readonly number[],
): OutputTensor {
  switch (name) {
    case "score": {
      const index = label!.index;
      return {
        name,
        shape,
        datatype: "FP32",
        values: Float32Array.from(logits, (row) => row[index]!),
      };
    }
    case "logits": {
      const values = Float32Array.from(logits.flatMap((row) => [...row]));
      return { name, shape: [logits.length, labels.length], datatype: "FP32", values };
    }
    case "label":
      return { name, shape, datatype: "BYTES", values: logits.map((row) => labels[largest(row)]!) };
  }
}

const largest = (row: Float32Array) => row.indexOf(Math.max(...row));

/** Tokens that were cut off each text, as JSON. */
const cuts = ({ items }: ScoredTexts<unknown>) =>
  JSON.stringify(items.map(({ truncated }) => truncated));

/** Clients of Triton expect UNAVAILABLE where its queue is full. */
function asTriton(error: unknown): unknown {
  return error instanceof StatusError && error.code === "RESOURCE_EXHAUSTED"
    ? new StatusError("UNAVAILABLE", error.message, { pushbackMs: error.pushbackMs, cause: error })
    : error;
}
