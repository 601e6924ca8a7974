/**
 * The thread that runs Transformers.js: the only importer of it. A run of the model blocks its thread.
 *
 * @module
 */
import type { PreTrainedModel, PreTrainedTokenizer } from "@xenova/transformers";
import type { JudgeCall, JudgeLogits, JudgeModel, JudgeReply } from "./judge_thread.ts";

// N-API in Deno 2.9.3 ends the process when it meets a Float16Array; nothing here needs one.
Reflect.deleteProperty(globalThis, "Float16Array");
// onnxruntime-web, which Transformers.js loads and does not use here, takes `location.origin` as a base of URLs;
// in a worker of a file it is the text "null". Hence also the late import.
Reflect.deleteProperty(globalThis, "location");

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<JudgeCall>) => void;
  postMessage(reply: JudgeReply): void;
};
let tokenizer: PreTrainedTokenizer;
let model: PreTrainedModel;

async function load(folder: string, threads: number): Promise<JudgeModel> {
  const { AutoModelForSequenceClassification, AutoTokenizer, env } = await import(
    "@xenova/transformers"
  );
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.useFSCache = false;
  tokenizer = await AutoTokenizer.from_pretrained(folder, { local_files_only: true });
  model = await AutoModelForSequenceClassification.from_pretrained(folder, {
    dtype: "fp32",
    device: "cpu",
    local_files_only: true,
    session_options: threads === 0 ? {} : { intraOpNumThreads: threads },
  });
  const { id2label = {}, problem_type } = model.config as unknown as {
    readonly id2label?: Readonly<Record<string, unknown>>;
    readonly problem_type?: JudgeModel["problem_type"];
  };
  const labels = Object.keys(id2label).map(Number).sort((a, b) => a - b)
    .map((id) => String(id2label[String(id)]));
  return { labels, problem_type };
}

/** Ids of a text; too long ones are cut at the end of the text, not of the special tokens behind it. */
function encode(text: string): { ids: number[]; cut: number } {
  const ids = tokenizer.encode(text);
  const cut = ids.length - (tokenizer.model_max_length ?? Infinity);
  if (cut <= 0) return { ids, cut: 0 };
  const bare = tokenizer.encode(text, { add_special_tokens: false });
  const behind = ids.length - (ids.lastIndexOf(bare.at(-1)!) + 1);
  ids.splice(ids.length - behind - cut, cut);
  return { ids, cut };
}

/** One padded batch. Transformers.js pads too, but its truncation takes the closing special token away. */
async function run(texts: readonly string[]): Promise<JudgeLogits> {
  const { Tensor } = await import("@xenova/transformers");
  const rows = texts.map(encode);
  const width = Math.max(...rows.map(({ ids }) => ids.length));
  const tensor = (value: (id: number) => number, fill: number) => {
    const data = new BigInt64Array(rows.length * width).fill(BigInt(fill));
    for (const [i, { ids }] of rows.entries()) {
      for (const [j, id] of ids.entries()) data[i * width + j] = BigInt(value(id));
    }
    return new Tensor("int64", data, [rows.length, width]);
  };
  const { logits } = await model({
    input_ids: tensor((id) => id, tokenizer.pad_token_id ?? 0),
    attention_mask: tensor(() => 1, 0),
    token_type_ids: tensor(() => 0, 0),
  }) as { logits: { data: Float32Array } };
  return { logits: logits.data.slice(), cut: Math.max(...rows.map(({ cut }) => cut)) };
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
