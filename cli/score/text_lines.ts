import { InputError } from "@decorum/tensor";
/**
 * The lines of a stream of UTF-8, as they come. Every line counts, empty ones too; a line break at the end begins
 * no further line.
 *
 * @param source names the stream in messages
 * @throws InputError when it is not valid UTF-8
 */
export async function* textLines(
  chunks: AsyncIterable<Uint8Array | string>,
  source: string,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw new InputError(`Cannot read ${source}: it is not valid UTF-8; convert it`, { cause });
    }
  };
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + (typeof chunk === "string" ? chunk : decode(chunk))).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield line.replace(/\r$/, "");
  }
  rest += decode();
  if (rest !== "") yield rest.replace(/\r$/, "");
}
