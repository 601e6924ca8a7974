/** gRPC calls whose bytes a test writes itself, and connections that are no gRPC at all. */
import { Buffer } from "node:buffer";
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";

/** How a raw call ended. */
export interface RawAnswer {
  readonly httpStatus: number | undefined;
  /** Number of the gRPC status; undefined where none came. */
  readonly status: number | undefined;
  readonly message: string;
}

/** A message with its prefix: a flag and its length in 4 bytes. */
export function framed(message: Uint8Array, { flag = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

export interface RawClient extends Disposable {
  readonly session: ClientHttp2Session;
  /** Sends `body` as it is and ends the request. */
  call(method: string, body: Uint8Array, headers?: OutgoingHttpHeaders): Promise<RawAnswer>;
}

/** A connection of HTTP/2 to "host:port". */
export function openRaw(address: string): RawClient {
  const session = connect(`http://${address}`);
  session.on("error", () => {});
  return {
    session,
    call: (method, body, headers = {}) =>
      new Promise((resolve) => {
        const stream = session.request({
          ":method": "POST",
          ":path": `/${method}`,
          "content-type": "application/grpc",
          te: "trailers",
          ...headers,
        });
        let httpStatus: number | undefined;
        let status: number | undefined;
        let message = "";
        const read = (found: Readonly<Record<string, unknown>>) => {
          if (found["grpc-status"] === undefined) return;
          status = Number(found["grpc-status"]);
          message = decodeURIComponent(String(found["grpc-message"] ?? ""));
        };
        stream.on("response", (found) => {
          httpStatus = Number(found[":status"]);
          read(found);
        });
        stream.on("trailers", read);
        stream.on("error", () => {});
        stream.on("close", () => resolve({ httpStatus, status, message }));
        stream.resume();
        stream.end(body);
      }),
    [Symbol.dispose]: () => session.destroy(),
  };
}

/** A connection that sends `bytes`, if any, and nothing more. */
export async function openSocket(address: string, bytes?: Uint8Array): Promise<Socket> {
  const [host = "", port = ""] = address.split(":");
  const socket = connectSocket(Number(port), host);
  socket.on("error", () => {});
  socket.resume();
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  if (bytes) socket.write(bytes);
  return socket;
}
