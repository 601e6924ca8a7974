export { type Resolved, resolveFile, resolveModel } from "./resolve.ts";
export { hubSettings } from "./settings.ts";
export type { SnapshotOptions } from "./snapshot.ts";
export { isPinOf, parseModelRepo } from "./source.ts";
