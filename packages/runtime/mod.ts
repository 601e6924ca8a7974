export { type Arithmetic, arithmeticDifferences, arithmeticOf } from "./arithmetic.ts";
export { cudaKernelSource, missingCudaKernels, type OperatorUse } from "./kernels.ts";
export { missingLibraries, systemFolders } from "./library_search.ts";
export type { ExecutionProvider, RuntimeOptions } from "./options.ts";
export { readProfile } from "./profile.ts";
export { probeProvider } from "./provider.ts";
export {
  createSession,
  type EncodedGraph,
  encodeGraph,
  InferenceSession,
  openGraph,
  type RunOptions,
} from "./session.ts";
export { SessionWorker, WorkerDiedError, workerUsage } from "./session_worker.ts";
export { memoryUse } from "./usage.ts";
