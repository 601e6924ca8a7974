import { join } from "node:path";
import { tryLockFile } from "@decorum/async";
import { failedPrecondition } from "@decorum/rpc";
import { LOCK_FILE } from "@decorum/runs";

/**
 * Takes the right to write one run. It ends with the process, however that ends.
 *
 * @param folder the run's folder
 * @returns undefined when another trainer holds it
 */
export function tryLockRun(folder: string): Disposable | undefined {
  return tryLockFile(join(folder, LOCK_FILE));
}

/** As {@link tryLockRun}. @throws StatusError FAILED_PRECONDITION when another trainer holds the run. */
export function lockRun(folder: string, runId: string): Disposable {
  const lock = tryLockRun(folder);
  if (lock) return lock;
  throw failedPrecondition(
    `Cannot take run "${runId}": another trainer holds it (its lock is in ${folder}); stop that trainer first`,
  );
}
