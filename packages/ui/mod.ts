export { openUi, type Ui, type UiOptions } from "./server.ts";
export { type RunControls, type RunSource, type RunSummary } from "./source.ts";
export { storeSource } from "./store_source.ts";
export { trainerControls, trainerSource } from "./trainer_source.ts";
