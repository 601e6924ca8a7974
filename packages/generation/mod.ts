export * from "./decode_graph.ts";
export * from "./encode_graph.ts";
export { encoderRuns } from "./encoder_runs.ts";
export * from "./generator.ts";
export type { Prompt, SamplingParams } from "./prompts.ts";
export * from "./sampler.ts";
