import { InputError, type JsonObject, readJson } from "@decorum/tensor";
import { join } from "node:path";
import { bert, camembert, distilBert, electra, roberta, xlmRoberta } from "./bert.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { type Classifier, classifier, type ClassifierParts } from "./classifier.ts";
import {
  type EncoderDecoder,
  encoderDecoder,
  type EncoderDecoderParts,
} from "./encoder_decoder.ts";
import { mt5, t5, umt5 } from "./t5.ts";

/** Policies by `model_type`: a new architecture is a file and a line here. */
const encoderDecoders: Families<EncoderDecoderParts> = { t5, mt5, umt5 };

/** Classifiers by `model_type`. */
const classifiers: Families<ClassifierParts> = {
  bert,
  roberta,
  "xlm-roberta": xlmRoberta,
  camembert,
  electra,
  distilbert: distilBert,
};

type Families<Parts> = Readonly<Record<string, (json: JsonObject, source: string) => Parts>>;

/**
 * The encoder-decoder model of a Hugging Face folder. Reads `config.json` alone: the weights are `openCheckpoint`'s.
 *
 * @throws InputError naming file and field; for another architecture, what was found and what there is
 */
export function openPolicyModel(folder: string): EncoderDecoder {
  const file = join(folder, "config.json");
  return policyModel(readJson(file), file);
}

/** The same for JSON that is already read; `source` names it in messages. */
export function policyModel(json: JsonObject, source: string): EncoderDecoder {
  return encoderDecoder(familyOf(json, source, encoderDecoders)(json, source));
}

/** Whether `config.json` is of an encoder-decoder model, which is a policy, and no classifier. */
export function isPolicyModel(folder: string): boolean {
  const type = readJson(join(folder, "config.json"))["model_type"];
  return typeof type === "string" && Object.hasOwn(encoderDecoders, type);
}

/** The sequence classifier of a Hugging Face folder, likewise. @throws as {@link openPolicyModel} */
export function openClassifier(folder: string): Classifier {
  const file = join(folder, "config.json");
  const json = readJson(file);
  const model = classifierModel(json, file);
  if (isNamed(json["id2label"]) || isNamed(json["num_labels"])) return model;
  // Without names and number the head itself says how many labels there are.
  using checkpoint = openCheckpoint(folder);
  const head = `${model.headLayers.at(-1)}.weight`;
  if (!checkpoint.has(head)) return model;
  const [labels] = checkpoint.info(head).dims;
  return classifierModel({ ...json, num_labels: labels }, file);
}

const isNamed = (field: unknown) => field !== undefined && field !== null;

/** The same for JSON that is already read; `source` names it in messages. */
export function classifierModel(json: JsonObject, source: string): Classifier {
  return classifier(familyOf(json, source, classifiers)(json, source));
}

function familyOf<Parts>(json: JsonObject, source: string, families: Families<Parts>) {
  const type = json["model_type"];
  if (typeof type === "string" && Object.hasOwn(families, type)) return families[type]!;
  throw new InputError(
    `Cannot use ${source}: field "model_type" is ${
      type === undefined ? "missing" : JSON.stringify(type)
    }; expected one of ${Object.keys(families).map((name) => `"${name}"`).join(", ")}`,
  );
}
