export type { SpecialRole } from "./special_tokens.ts";
export {
  type DecodeOptions,
  type EncodeOptions,
  type Encoding,
  type LengthLimit,
  Tokenizer,
  type Truncate,
} from "./tokenizer.ts";
export { loadTokenizer } from "./tokenizer_load.ts";
