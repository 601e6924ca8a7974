import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tokenFile } from "@decorum/rpc";
import { InputError } from "@decorum/tensor";
import type { RemoteCalls } from "./remote_calls.ts";

/** An HTTP answer that is no success. */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatusError";
  constructor(
    readonly status: number,
    /** Milliseconds after which the server allows another try. */
    readonly retryAfterMs: number | undefined,
    body: string,
  ) {
    super(`it answered ${status}${body === "" ? "" : `: ${body.slice(0, 200)}`}`);
  }
}

/** The server could not be reached, or the connection broke. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** Bytes of an answer; a list of scores is far below. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * A function that posts JSON to a URL and reads the JSON of the answer, in which NaN and Infinity are numbers, as Python
 * writes them. It throws {@link HttpStatusError}, {@link ConnectionError}, InputError for an answer that is no JSON, or
 * the signal's reason.
 *
 * @throws InputError for no URL, plaintext where it is not allowed, or files that cannot be read
 */
export function jsonPoster(
  address: string,
  { tls, insecure, token_file }: RemoteCalls,
): (body: unknown, signal: AbortSignal) => Promise<unknown> {
  const url = urlOf(address, insecure);
  const token = token_file === null ? undefined : tokenFile(token_file);
  const files = tls === null ? {} : {
    ca: readFileSync(tls.ca),
    ...(tls.cert === null ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === null ? {} : { key: readFileSync(tls.key) }),
  };
  return async (body, signal) =>
    parsed(await post(url, JSON.stringify(body), { ...files, token: token?.(), signal }));
}

function urlOf(address: string, insecure: boolean): URL {
  const url = URL.parse(address);
  if (url === null) {
    const found = JSON.stringify(address);
    throw new InputError(`Cannot use ${found}: expected a URL, as "http://127.0.0.1:5000/path"`);
  }
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && (loopback || insecure))) return url;
  throw new InputError(
    `Cannot use ${address}: expected https, since the host is not this machine; set insecure to ` +
      "send texts in plaintext anyway",
  );
}

interface Sending {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

function post(url: URL, body: string, { token, signal, ...files }: Sending): Promise<string> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const broken = (error: Error) => {
      if (signal.aborted) reject(signal.reason);
      else reject(new ConnectionError(error.message, { cause: error }));
    };
    const headers = {
      "content-type": "application/json",
      "content-length": new TextEncoder().encode(body).length,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const outgoing = send(url, { method: "POST", headers, signal, ...files }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) outgoing.destroy(new Error("its answer is over 16 MiB"));
      });
      incoming.on("error", broken);
      incoming.on("end", () => {
        const { statusCode: status = 0, headers: { "retry-after": after } } = incoming;
        if (status >= 200 && status < 300) return resolve(text);
        const seconds = Number(after);
        const pause = after !== undefined && Number.isFinite(seconds) ? seconds * 1000 : undefined;
        reject(new HttpStatusError(status, pause, text.trim()));
      });
    });
    outgoing.on("error", broken);
    outgoing.end(body);
  });
}

/** Texts of JSON, and numbers that Python writes and JSON does not have. */
const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;
/** Stands for such a number while the rest is read; no server writes it. */
const MARK = "\u0000";

function parsed(text: string): unknown {
  try {
    const marked = text.replaceAll(
      TEXT_OR_NUMBER,
      (found) => found.startsWith('"') ? found : JSON.stringify(MARK + found),
    );
    return JSON.parse(
      marked,
      (_, value) =>
        typeof value === "string" && value.startsWith(MARK) ? Number(value.slice(1)) : value,
    );
  } catch (cause) {
    const found = JSON.stringify(text.slice(0, 100));
    throw new InputError(`it answered ${found}, expected JSON`, { cause });
  }
}
