export { batchesPerEpoch, type DataOrder, dataOrder } from "./batches.ts";
export {
  bucketByLength,
  type BucketOptions,
  cutByLength,
  type CutOptions,
  groupByLength,
  padBatch,
  type PaddedBatch,
  type Padding,
  paddingOf,
  type PadOptions,
} from "./bucket.ts";
export { lengthBetween, loadRows, type ReadOptions, readRows } from "./datasets.ts";
export { distinctN } from "./distinct_n.ts";
export { jsonMembers } from "./jsonl.ts";
export { readLines } from "./lines.ts";
export { type Message, messagesOf, messagesText } from "./messages.ts";
export { parsePrompt, type Prompt } from "./prompt.ts";
export {
  rouge,
  type RougeOptions,
  type RougeScore,
  type RougeScores,
  rougeTokens,
} from "./rouge.ts";
export type { Row } from "./row.ts";
export type { SpecialRole } from "./tokenizer_config.ts";
export { type SplitOptions, splitRows } from "./split.ts";
export {
  type DecodeOptions,
  type EncodeOptions,
  type Encoding,
  type LengthLimit,
  Tokenizer,
  type Truncate,
} from "./tokenizer.ts";
export type { TokenizerFiles } from "./tokenizer_json.ts";
export { loadTokenizer, readTokenizerFiles } from "./tokenizer_load.ts";
