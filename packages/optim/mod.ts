export * from "./accumulate.ts";
export * from "./adam.ts";
export * from "./adam_state.ts";
export * from "./clip.ts";
export * from "./finite.ts";
export type { Params } from "./params.ts";
export * from "./schedule.ts";
