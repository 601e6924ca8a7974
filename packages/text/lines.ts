import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";

/** A line of a text file, its line break removed. */
export interface Line {
  readonly text: string;
  /** The line break; empty where the file ends without one. */
  readonly ending: "\n" | "\r\n" | "\r" | "";
  /** From 1. */
  readonly number: number;
}

const [LF, CR] = [0x0a, 0x0d];

/**
 * The lines of a UTF-8 file, one after the other without holding the file in memory. A byte-order
 * mark is skipped, `\r\n` counts as one break, and a last line without a break is a line too. `\r` alone is a break
 * in files that have no other, as old Macs and some spreadsheets write them.
 *
 * @param path the file, or the name of `chunks` in messages
 * @throws InputError when the file cannot be read, or a line is not valid UTF-8.
 */
export async function* readLines(
  path: string,
  chunks: AsyncIterable<Uint8Array> = createReadStream(path),
): AsyncGenerator<Line, void, undefined> {
  let pending: Uint8Array[] = [];
  let number = 0;
  let lineEnd: number | undefined;
  const finish = (last: Uint8Array, ended: boolean): Line => {
    number++;
    const bytes = pending.length === 0 ? last : Buffer.concat([...pending, last]);
    pending = [];
    const text = decodeLine(bytes, path, number);
    if (!ended) return { text, ending: "", number };
    if (lineEnd === CR) return { text, ending: "\r", number };
    return text.endsWith("\r")
      ? { text: text.slice(0, -1), ending: "\r\n", number }
      : { text, ending: "\n", number };
  };
  for await (const chunk of readable(path, chunks)) {
    // The last byte may be the first half of "\r\n".
    lineEnd ??= !chunk.includes(LF) && chunk.subarray(0, -1).includes(CR) ? CR : LF;
    let start = 0;
    for (let at = chunk.indexOf(lineEnd); at >= 0; at = chunk.indexOf(lineEnd, start)) {
      yield finish(chunk.subarray(start, at), true);
      start = at + 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  if (pending.length > 0) yield finish(new Uint8Array(), false);
}

async function* readable(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
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
