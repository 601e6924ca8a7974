export { type Resolved, resolveFile, resolveModel } from "./resolve.ts";
export type { SnapshotOptions } from "./snapshot.ts";
export { hubSettings, isPinOf, parseModelRepo } from "./source.ts";
