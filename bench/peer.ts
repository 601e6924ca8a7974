import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** PyTorch in a process of its own, doing the same work on the same weights when asked. */
export interface Peer {
  /** Version of torch. */
  readonly version: string;
  /** Does the work once. */
  run(): Promise<void>;
  stop(): void;
}

export interface PeerWork {
  readonly work: "forward" | "train_step";
  readonly model: string;
  readonly batch: number;
  readonly query: number;
  readonly response: number;
  readonly threads: number;
}

/**
 * Starts `peers/torch_t5.py`, which then waits, so that its runs and ours can take turns: on a machine whose
 * speed drifts only neighbours in time compare.
 *
 * @throws Error when Python ends before it is asked to.
 */
export async function startPeer(python: string, options: PeerWork): Promise<Peer> {
  const script = fileURLToPath(new URL("peers/torch_t5.py", import.meta.url));
  const size = options.work === "forward" ? "--batch" : "--micro";
  const numbers = { query: options.query, response: options.response, threads: options.threads };
  const args = [
    script,
    "--serve",
    options.work,
    "--model",
    options.model,
    size,
    `${options.batch}`,
  ];
  for (const [name, value] of Object.entries(numbers)) args.push(`--${name}`, `${value}`);
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) {
      throw new Error(`Cannot time PyTorch: ${python} ${script} has ended; see its message`);
    }
    return value;
  };
  return {
    version: await next(),
    async run() {
      child.stdin.write("\n");
      await next();
    },
    stop: () => child.stdin.end(),
  };
}
