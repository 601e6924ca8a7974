import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";

/** A line of a text file, its line break removed. */
export interface Line {
  readonly text: string;
  /** The line break; empty where the file ends without one. */
  readonly ending: "\n" | "\r\n" | "";
  /** From 1. */
  readonly number: number;
}

const newline = 0x0a;

/**
 * The lines of a UTF-8 file, one after the other without holding the file in memory. A byte-order
 * mark is skipped, `\r\n` counts as one break, and a last line without a break is a line too.
 *
 * @throws Error when the file cannot be read.
 * @throws InputError when a line is not valid UTF-8.
 */
export async function* readLines(path: string): AsyncGenerator<Line, void, undefined> {
  let pending: Uint8Array[] = [];
  let number = 0;
  const finish = (end: Uint8Array, closed: boolean): Line => {
    number++;
    const bytes = pending.length === 0 ? end : Buffer.concat([...pending, end]);
    pending = [];
    const text = decodeLine(bytes, path, number);
    if (!closed) return { text, ending: "", number };
    return text.endsWith("\r")
      ? { text: text.slice(0, -1), ending: "\r\n", number }
      : { text, ending: "\n", number };
  };
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield finish(chunk.subarray(start, end), true);
      start = end + 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  if (pending.length > 0) yield finish(new Uint8Array(), false);
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`Cannot read ${path}: ${reason}`, { cause });
  }
}

function decodeLine(bytes: Uint8Array, path: string, number: number): string {
  // Only the first line may start with a byte-order mark; elsewhere U+FEFF is text.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: number > 1 });
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new InputError(
      `Cannot read ${path}, line ${number}: it is not valid UTF-8; convert the file to UTF-8`,
      { cause },
    );
  }
}
