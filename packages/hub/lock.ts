import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits for the right to write one file of the cache. It is SQLite's exclusive lock on a file of its own,
 * which the system frees when its holder dies.
 */
export async function lockFile(path: string, signal?: AbortSignal): Promise<Disposable> {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    signal?.throwIfAborted();
    const database = new DatabaseSync(path);
    try {
      database.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      return { [Symbol.dispose]: () => database.close() };
    } catch (error) {
      database.close();
      if (!(error instanceof Error && /locked|busy/.test(error.message))) throw error;
    }
    await sleep(100, undefined, signal ? { signal } : {});
  }
}
