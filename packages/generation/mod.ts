export { type GenerateOptions, Generator, type Piece, type PolicyFeeds } from "./generator.ts";
export { buildDecodeGraph, buildEncodeGraph, cacheNames } from "./graphs.ts";
export { encoderRuns, type Prompt, type SamplingParams } from "./prompts.ts";
