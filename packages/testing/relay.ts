/** Connections that a test can hold back in the middle of what is sent. */
import { connect, createServer, type Socket } from "node:net";
import { freeAddress } from "./ports.ts";

/** Which way bytes go: to the server, or back from it. */
type Direction = "requests" | "answers";

/** Bytes that are held until they count as a message's own: pings, settings and headers of HTTP/2 are fewer. */
const HELD_BYTES = 1500;
/** Bytes of what is held that go on, so that the other side has a part of it. */
const PASSED_BYTES = 500;

/** Passes connections on to a server, and holds them back when it is told to. */
export class Relay implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  #gate:
    | { readonly direction: Direction; passed: number; held: (() => void)[]; bytes: number }
    | undefined;
  #full = () => {};

  private constructor(
    readonly address: string,
    readonly target: string,
    readonly server: ReturnType<typeof createServer>,
  ) {}

  static async open(target: string): Promise<Relay> {
    const address = await freeAddress();
    const server = createServer();
    const relay = new Relay(address, target, server);
    server.on("connection", (client) => relay.#join(client));
    await new Promise<void>((resolve) => server.listen(portOf(address), hostOf(address), resolve));
    return relay;
  }

  /** Holds what comes from now on. @returns resolves when a message's first bytes have passed and more are held */
  hold(direction: Direction): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = { direction, passed: 0, held: [], bytes: 0 };
    this.#full = resolve;
    return promise;
  }

  /** Lets go of what was held. */
  release(): void {
    const held = this.#gate?.held ?? [];
    this.#gate = undefined;
    for (const write of held) write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #join(client: Socket): void {
    const server = connect({ host: hostOf(this.target), port: portOf(this.target) });
    for (const [from, to] of [[client, server], [server, client]] as const) {
      this.#sockets.add(from);
      from.on(
        "data",
        (data: Uint8Array) => this.#pass(to, to === server ? "requests" : "answers", data),
      );
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  #pass(to: Socket, direction: Direction, data: Uint8Array): void {
    const gate = this.#gate;
    if (gate?.direction !== direction) return void to.write(data);
    const now = data.subarray(0, PASSED_BYTES - gate.passed);
    gate.passed += now.length;
    if (now.length > 0) to.write(now);
    const rest = data.subarray(now.length);
    gate.held.push(() => void to.write(rest));
    gate.bytes += rest.length;
    if (gate.bytes >= HELD_BYTES) this.#full();
  }
}

const portOf = (address: string) => Number(address.split(":")[1]);
const hostOf = (address: string) => address.split(":")[0]!;
