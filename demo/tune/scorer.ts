import {
  Classifier,
  labelIndex,
  loadClassifierConfig,
  maxPositions,
  openCheckpoint,
  Weights,
} from "@decorum/models";
import { encodeModel, GraphBuilder } from "@decorum/onnx";
import { createSession, type InferenceSession, type RuntimeOptions } from "@decorum/runtime";
import { loadTokenizer, padBatch } from "@decorum/text";

/** What a classifier says of one text. */
export interface Verdict {
  /** Raw logit of `nothate`. */
  readonly score: number;
  /** P(hate). */
  readonly toxicity: number;
}

/** A classifier's folder as a function of texts. */
export async function openScorer(
  folder: string,
  runtime: RuntimeOptions,
): Promise<{ score(texts: readonly string[]): Promise<Verdict[]>; release(): Promise<void> }> {
  const config = loadClassifierConfig(folder);
  const tokenizer = loadTokenizer(folder);
  const session = await openClassifier(folder, runtime);
  const [civil, rude] = [labelIndex(config, "nothate"), labelIndex(config, "hate")];
  const maxLength = maxPositions(config);
  const score = async (texts: readonly string[]): Promise<Verdict[]> => {
    const ids = texts.map((text) => tokenizer.encode(text, { maxLength, truncate: "first" }).ids);
    const { inputIds, attentionMask } = padBatch(ids, config.pad_token_id);
    const { logits } = await session.run({ input_ids: inputIds, attention_mask: attentionMask });
    return texts.map((_, i) => {
      const at = (label: number) => Number(logits!.data[i * config.labels.length + label]);
      return { score: at(civil), toxicity: 1 / (1 + Math.exp(at(civil) - at(rude))) };
    });
  };
  return { score, release: () => session.release() };
}

async function openClassifier(folder: string, runtime: RuntimeOptions): Promise<InferenceSession> {
  using checkpoint = openCheckpoint(folder);
  const graph = new GraphBuilder("classifier");
  const weights = new Weights(graph, checkpoint);
  const ids = graph.input("input_ids", "int64", ["texts", "time"]);
  const mask = graph.input("attention_mask", "int64", ["texts", "time"]);
  const classifier = new Classifier(loadClassifierConfig(folder), weights);
  graph.output(classifier.logits(ids, mask), "logits");
  return await createSession({
    bytes: encodeModel(graph.build()),
    externalData: Object.fromEntries(weights.files),
  }, runtime);
}
