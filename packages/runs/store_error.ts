import { InputError } from "@decorum/tensor";

/** What is wrong with a store. */
export type StoreFault = "missing" | "locked" | "damaged" | "newer" | "unreadable";

/** A store of runs that cannot be read. */
export class StoreError extends InputError {
  override readonly name = "StoreError";

  constructor(readonly fault: StoreFault, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const faults: Readonly<Record<number, readonly [StoreFault, string]>> = {
  5: ["locked", "another process holds its lock; it is tried again"],
  6: ["locked", "another process holds its lock; it is tried again"],
  11: ["damaged", "it is damaged; restore it from a copy, or move it away"],
  14: ["unreadable", "it cannot be opened; may this process read the folder?"],
  26: ["damaged", "it is no SQLite database; restore it from a copy, or move it away"],
};

/** The error of a statement as one of the store `file`. */
export function storeError(file: string, cause: unknown): Error {
  if (cause instanceof StoreError || !(cause instanceof Error)) return cause as Error;
  // Extended result codes have the primary one in their low byte.
  const code = "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : -1;
  const [fault, what] = faults[code] ?? [undefined, cause.message];
  const message = `Cannot read ${file}: ${what}`;
  return fault ? new StoreError(fault, message, { cause }) : new Error(message, { cause });
}
