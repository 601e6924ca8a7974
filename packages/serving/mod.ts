export {
  type BatchCounts,
  type Caller,
  DynamicBatcher,
  type DynamicBatcherOptions,
} from "./dynamic_batcher.ts";
export type { Times } from "./batch_queue.ts";
export { LiveModel } from "./live_model.ts";
export { paddedTokens, type Part } from "./pick_batch.ts";
export { watchFolder } from "./watch_folder.ts";
