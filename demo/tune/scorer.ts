import {
  buildClassifierGraph,
  type Classifier,
  classifierBatch,
  labelIndex,
  maxPositions,
  openCheckpoint,
  openClassifier,
} from "@decorum/models";
import { encodeModel } from "@decorum/onnx";
import { createSession, type InferenceSession, type RuntimeOptions } from "@decorum/runtime";
import { loadTokenizer } from "@decorum/text";

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
  const model = openClassifier(folder);
  const tokenizer = loadTokenizer(folder);
  const session = await openSession(model, folder, runtime);
  const [civil, rude] = [labelIndex(model.config, "nothate"), labelIndex(model.config, "hate")];
  const maxLength = maxPositions(model);
  const score = async (texts: readonly string[]): Promise<Verdict[]> => {
    const ids = texts.map((text) => tokenizer.encode(text, { maxLength, truncate: "first" }).ids);
    const { logits } = await session.run(classifierBatch(ids, model).feeds);
    return texts.map((_, i) => {
      const at = (label: number) => Number(logits!.data[i * model.config.labels.length + label]);
      return { score: at(civil), toxicity: 1 / (1 + Math.exp(at(civil) - at(rude))) };
    });
  };
  return { score, release: () => session.release() };
}

async function openSession(
  model: Classifier,
  folder: string,
  runtime: RuntimeOptions,
): Promise<InferenceSession> {
  using index = openCheckpoint(folder);
  const { graph, files } = buildClassifierGraph({ model, index });
  return await createSession({
    bytes: encodeModel(graph),
    externalData: Object.fromEntries(files),
  }, runtime);
}
