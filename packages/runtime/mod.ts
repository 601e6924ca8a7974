export * from "./options.ts";
export { createSession, InferenceSession, type RunOptions } from "./session.ts";
export { SessionWorker, WorkerDiedError } from "./session_worker.ts";
export type { ValueInfo } from "./messages.ts";
export * from "./provider.ts";
export * from "./kernels.ts";
export * from "./memory.ts";
export * from "./profile.ts";
export { setTf32 } from "./tf32.ts";
