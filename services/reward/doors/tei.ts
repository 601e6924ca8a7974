import { InputError } from "@decorum/tensor";
import type { Handlers, teiInfoService, teiPredictService, teiV1 } from "@decorum/rpc";
import type { TextItem } from "@decorum/scoring";
import type { Caller } from "@decorum/serving";
import { VERSION } from "@decorum/service";
import type { ScoringDesk } from "../scoring_desk.ts";
import type { Streams } from "./streams.ts";

const NANOSECONDS_PER_MS = 1e6;

/** Precisions under text-embeddings-inference's names. */
const dtypes: Readonly<Record<string, string>> = {
  fp32: "float32",
  fp16: "float16",
  bf16: "bfloat16",
  int8: "int8",
};

/** `tei.v1.Info`: what text-embeddings-inference says of itself. */
export function teiInfoHandlers({ config, live }: ScoringDesk): Handlers<typeof teiInfoService> {
  return {
    async info() {
      const classifier = await live.current();
      return {
        version: VERSION,
        modelId: classifier.name,
        modelSha: classifier.version,
        modelDtype: dtypes[config.precision] ?? config.precision,
        modelType: "MODEL_TYPE_CLASSIFIER",
        maxConcurrentRequests: config.limits.max_queue_items,
        maxInputLength: classifier.maxTokens,
        maxBatchTokens: config.batching.max_tokens,
        maxBatchRequests: config.batching.max_items,
        maxClientBatchSize: config.limits.max_items,
        tokenizationWorkers: 1,
      };
    },
  };
}

/** `tei.v1.Predict`. Every label is answered, so that none needs to be named. */
export function teiPredictHandlers(
  desk: ScoringDesk,
  streams: Streams,
): Handlers<typeof teiPredictService> {
  const one = () => 1;
  const single = (request: teiV1.PredictRequest__Output, call: Caller) =>
    predict(desk, { response: request.inputs }, request, call);
  const pair = async (request: teiV1.PredictPairRequest__Output, call: Caller) =>
    await predict(desk, pairOf(request.inputs), request, call);
  return {
    predict: (request, { signal, deadline }) => single(request, { signal, deadline, wait: false }),
    predictPair: (request, { signal, deadline }) =>
      pair(request, { signal, deadline, wait: false }),
    predictStream: (requests, call) => streams.answer(requests, call, one, single),
    predictPairStream: (requests, call) => streams.answer(requests, call, one, pair),
  };
}

function pairOf(inputs: readonly string[]): TextItem {
  const [first, second] = inputs;
  if (first === undefined || inputs.length > 2) {
    throw new InputError(
      `Cannot predict: \`inputs\` must have a single or two elements. Given: ${inputs.length}`,
    );
  }
  return second === undefined ? { response: first } : { query: first, response: second };
}

type Settings = Pick<
  teiV1.PredictRequest__Output,
  "truncate" | "rawScores" | "truncationDirection"
>;

async function predict(
  desk: ScoringDesk,
  item: TextItem,
  { truncate, rawScores, truncationDirection }: Settings,
  call: Caller,
): Promise<teiV1.PredictResponse> {
  const { query = "", response } = item;
  if (query === "" && response === "") {
    throw new InputError("Cannot predict: `inputs` cannot be empty");
  }
  if (truncate && truncationDirection !== "TRUNCATION_DIRECTION_RIGHT") {
    throw new InputError(
      `Cannot truncate in the direction ${truncationDirection}: this server cuts a text at its end, ` +
        "and of a pair the first text; leave truncation_direction out",
    );
  }
  const began = performance.now();
  const texts = { items: [item], nameOf: () => "inputs", truncate, asSent: false };
  const { classifier, items, logits, times } = await desk.score(texts, call, () => {});
  const scores = rawScores ? [...logits[0]!] : classifier.probabilities(logits[0]!);
  const ns = (ms: number) => Math.round(ms * NANOSECONDS_PER_MS);
  return {
    predictions: scores.map((score, i) => ({ score, label: classifier.labels[i]! }))
      .sort((a, b) => b.score - a.score),
    metadata: {
      computeChars: [...query, ...response].length,
      computeTokens: items[0]!.ids.length,
      totalTimeNs: ns(performance.now() - began),
      tokenizationTimeNs: ns(times.encodingMs),
      queueTimeNs: ns(times.queuedMs),
      inferenceTimeNs: ns(times.inferenceMs),
    },
  };
}
