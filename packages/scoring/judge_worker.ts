/**
 * The thread that runs Transformers.js: the only importer of it. A run of the model blocks its thread.
 *
 * @module
 */
import {
  AutoModelForSequenceClassification,
  AutoTokenizer,
  env,
  type PreTrainedModel,
  type PreTrainedTokenizer,
} from "@xenova/transformers";
import type { JudgeCall, JudgeLogits, JudgeModel, JudgeReply } from "./judge_messages.ts";

// N-API in Deno 2.9.3 ends the process when it meets a Float16Array; nothing here needs one.
Reflect.deleteProperty(globalThis, "Float16Array");

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.useFSCache = false;

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<JudgeCall>) => void;
  postMessage(reply: JudgeReply): void;
};
let tokenizer: PreTrainedTokenizer;
let model: PreTrainedModel;

async function load(folder: string, threads: number): Promise<JudgeModel> {
  tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true });
  model = await AutoModelForSequenceClassification.from_pretrained(folder, {
    dtype: "fp32",
    device: "cpu",
    local_files_only: true,
    session_options: threads === 0 ? {} : { intraOpNumThreads: threads },
  });
  const { id2label = {}, problem_type } = model.config as unknown as {
    readonly id2label?: Readonly<Record<string, string>>;
    readonly problem_type?: string;
  };
  const labels = Object.keys(id2label).map(Number).sort((a, b) => a - b)
    .map((id) => id2label[String(id)]!);
  return { labels, multiLabel: problem_type === "multi_label_classification" };
}

async function run(texts: readonly string[]): Promise<JudgeLogits> {
  const lengths = texts.map((text) => tokenizer.encode(text).length);
  const most = tokenizer.model_max_length ?? Infinity;
  const inputs = tokenizer([...texts], { padding: true, truncation: true });
  const { logits } = await model(inputs) as { logits: { data: Float32Array } };
  return { logits: logits.data.slice(), cut: Math.max(0, Math.max(...lengths) - most) };
}

scope.onmessage = async ({ data: call }) => {
  try {
    const result = call.kind === "load"
      ? await load(call.folder, call.threads)
      : await run(call.texts);
    scope.postMessage({ ok: true, result });
  } catch (error) {
    scope.postMessage({ ok: false, message: error instanceof Error ? error.message : `${error}` });
  }
};
