import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { HttpError } from "@decorum/service";

/**
 * The JSON of a request's body.
 *
 * @throws HttpError 413 for more than `most` bytes, before they are all read; 415 for another content type or an
 * encoding; 400 for what is not JSON in UTF-8, or a body that ended early
 */
export async function readJson(request: IncomingMessage, most: number): Promise<unknown> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
  if (!/^application\/(.+\+)?json\s*(;|$)/i.test(type)) {
    throw new HttpError(415, `Cannot read a body of type "${type}": expected application/json`);
  }
  if (encoding !== "identity") {
    throw new HttpError(
      415,
      `Cannot read a body with content-encoding "${encoding}": send it plain`,
    );
  }
  const bytes = await readBytes(request, most);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, "Cannot read the body: it is not valid UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `Cannot read the body: ${(error as Error).message}`);
  }
}

async function readBytes(request: IncomingMessage, most: number): Promise<Uint8Array> {
  const tooLong = () =>
    new HttpError(413, `Cannot read the body: at most ${most} bytes are allowed; send fewer texts`);
  if (Number(request.headers["content-length"] ?? 0) > most) throw tooLong();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > most) throw tooLong();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "Cannot read the body: it ended early");
  }
  return Buffer.concat(chunks);
}
