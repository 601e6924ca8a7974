import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";

const replacement = "\uFFFD";
const encoded = Buffer.from(replacement);

/**
 * Refuses strings that are not UTF-8, which protobuf wants to be and protobufjs reads with U+FFFD in the place of
 * what is wrong. A message that says U+FFFD itself passes: then its bytes hold that character as often as its strings.
 *
 * @param bytes what the message was read from
 * @throws InputError when a string of the message is not valid UTF-8
 */
export function checkUtf8(message: unknown, bytes: Uint8Array): void {
  const read = countReplacements(message);
  if (read > 0 && read > countEncoded(bytes)) {
    throw new InputError("a string of the message is not valid UTF-8");
  }
}

function countReplacements(value: unknown): number {
  if (typeof value === "string") {
    return value.includes(replacement) ? value.split(replacement).length - 1 : 0;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 0;
  // All elements of a repeated field are of one kind.
  if (Array.isArray(value) && typeof value[0] === "number") return 0;
  return Object.entries(value).reduce(
    (sum, [key, part]) => sum + countReplacements(key) + countReplacements(part),
    0,
  );
}

function countEncoded(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(encoded); at >= 0; at = buffer.indexOf(encoded, at + 3)) count++;
  return count;
}
