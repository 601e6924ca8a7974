export { reportOf } from "./report.ts";
export { openUi, type Ui } from "./server.ts";
export { type RunControls } from "./source.ts";
export { storeSource } from "./store_source.ts";
export { trainerControls, trainerSource } from "./trainer_source.ts";
