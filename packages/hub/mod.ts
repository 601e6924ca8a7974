export { HubError, UnreachableError } from "./errors.ts";
export { type Resolved, resolveFile, resolveModel } from "./resolve.ts";
export { type HubSettings, hubSettings } from "./settings.ts";
export {
  type DownloadProgress,
  type Snapshot,
  snapshot,
  type SnapshotOptions,
} from "./snapshot.ts";
export {
  formatFile,
  formatRepo,
  type HubFile,
  type HubRepo,
  isPinOf,
  parseHubFile,
  parseModelRepo,
} from "./source.ts";
