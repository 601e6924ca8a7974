/** Memory of a worker thread, in bytes; a moment's look. */
export interface ThreadMemory {
  /** JavaScript heap in use. */
  readonly heap: number;
  /** Array buffers and what else hangs on the heap. */
  readonly buffers: number;
}

/** What a session worker has done and holds. */
export interface WorkerUsage extends ThreadMemory {
  /** Name of the first session that it loaded; "worker" before. */
  readonly name: string;
  /** Sessions that it holds. */
  readonly sessions: number;
  /** Seconds that it spent in calls. */
  readonly busySeconds: number;
  /**
   * Bytes of private memory that the process grew by while this worker loaded the sessions that it holds.
   * onnxruntime does not say what a session takes: other threads' growth at the same time is in it, and what
   * runs of the sessions add later is not.
   */
  readonly sessionBytes: number;
}
