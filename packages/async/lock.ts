import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { delay } from "./delay.ts";

/** Loaded by whoever takes a lock: Node 20 has no SQLite, and the rest of this package runs there. */
const sqlite = () => process.getBuiltinModule("node:sqlite");

/** SQLite's result code for a database that another connection holds: https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;
/** Milliseconds between two tries to get a lock. */
const TRY_MS = 100;
/** Milliseconds that {@link isLocked} may keep others from taking a lock. */
const GLANCE_MS = 20;

/**
 * Takes a lock that one holder has at a time, among all processes that see the file, or returns undefined when
 * another holds it. It is SQLite's exclusive lock on a database of its own: the system frees it when its holder
 * dies, however that happens.
 *
 * @param path the lock's file, which stays; its folder is made
 * @throws Error when the file cannot be opened, or is something else
 */
export function tryLockFile(path: string): Disposable | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const database = new (sqlite().DatabaseSync)(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${GLANCE_MS}; PRAGMA locking_mode = EXCLUSIVE`);
    // Deno 2.9.3 gives errors of statements SQLite's result code, those of `exec` only a message.
    database.prepare("BEGIN EXCLUSIVE").run();
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw new Error(`Cannot take lock ${path}: ${(error as Error).message}`, { cause: error });
  }
  let held = true;
  return {
    [Symbol.dispose]() {
      if (held) database.close();
      held = false;
    },
  };
}

/**
 * Takes a lock as {@link tryLockFile}, and waits for it while another holds it.
 *
 * @throws the signal's reason once it is aborted
 */
export async function lockFile(path: string, signal?: AbortSignal): Promise<Disposable> {
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryLockFile(path);
    if (lock) return lock;
    await delay(TRY_MS, signal);
  }
}

/**
 * Whether somebody holds a lock, for those who may read its file and not write it. What is true now may not be in a moment.
 *
 * @param path the lock's file, which need not exist
 * @throws Error when the file cannot be opened, or is something else
 */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  const database = new (sqlite().DatabaseSync)(path, { readOnly: true });
  try {
    database.exec("PRAGMA busy_timeout = 0");
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw new Error(`Cannot look at lock ${path}: ${(error as Error).message}`, { cause: error });
  } finally {
    database.close();
  }
}

/** Extended result codes have the primary one in their low byte. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" &&
    (error.errcode & 0xff) === SQLITE_BUSY;
}
