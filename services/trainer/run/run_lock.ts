import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { failedPrecondition } from "@decorum/rpc";

/** The right to write one run. It ends with the process, however that ends. */
export interface RunLock extends Disposable {
  release(): void;
}

/**
 * Takes the run's lock: SQLite's exclusive lock on a database of its own, which the system frees when its
 * holder dies.
 *
 * @param folder the run's folder
 * @returns undefined when another trainer holds it
 */
export function tryLockRun(folder: string): RunLock | undefined {
  const database = new DatabaseSync(join(folder, "lock.db"));
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/.test(error.message)) return undefined;
    throw error;
  }
  let held = true;
  const release = () => {
    if (held) database.close();
    held = false;
  };
  return { release, [Symbol.dispose]: release };
}

/** As {@link tryLockRun}. @throws StatusError FAILED_PRECONDITION when another trainer holds the run. */
export function lockRun(folder: string, runId: string): RunLock {
  const lock = tryLockRun(folder);
  if (lock) return lock;
  throw failedPrecondition(
    `Cannot take run "${runId}": another trainer holds it (its lock is in ${folder}); stop that trainer first`,
  );
}
