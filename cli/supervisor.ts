import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { backoffMs, delay } from "@decorum/async";

/** A service that the supervisor keeps running. */
export interface Program {
  readonly name: string;
  /** Script, relative to the repository's root. */
  readonly script: string;
  readonly args: readonly string[];
  /** Settings that win over those in `args`: the address that a restarted child keeps. */
  readonly more?: readonly string[];
  /** Deno's flags for it, its permissions among them. */
  readonly flags: (more: readonly string[]) => readonly string[];
}

export interface SupervisorOptions {
  /** Gets every line that a child writes, and what the supervisor itself has to say. */
  readonly onLine: (name: string, line: string) => void;
  /** Longest wait, in milliseconds, for a child's `ready`; default 120 000. */
  readonly readyTimeoutMs?: number;
}

/** Exit code by which a service says that its configuration is wrong: starting it again cannot help. */
const BAD_CONFIG = 2;

/** A service could not be started. */
export class StartError extends Error {
  override readonly name = "StartError";

  /** @param badConfig its configuration is why */
  constructor(message: string, readonly badConfig: boolean) {
    super(message);
  }
}

/** Unexpected ends in a row after which a child is given up. */
const MOST_RESTARTS = 8;
const BACKOFF = { firstMs: 200, longestMs: 5000 };
const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs services as child processes: waits until each is ready, starts a child again that ends
 * unexpectedly, and ends all of them together. Children drain when the supervisor dies, however it dies:
 * it holds the other end of their standard input.
 */
export class Supervisor {
  readonly #children = new Map<string, ChildProcess>();
  readonly #addresses = new Map<string, string>();
  #stopping = false;
  #failed: ((reason: Error) => void) | undefined;
  /** Rejects when a child is given up; never resolves. */
  readonly failure: Promise<never>;

  constructor(readonly options: SupervisorOptions) {
    this.failure = new Promise((_, reject) => (this.#failed = reject));
    this.failure.catch(() => {});
  }

  /** "host:port" at which a ready child serves. */
  address(name: string): string {
    const address = this.#addresses.get(name);
    if (address === undefined) throw new Error(`internal: ${name} is not ready`);
    return address;
  }

  /** Process id of a child that runs. */
  pid(name: string): number | undefined {
    return this.#children.get(name)?.pid;
  }

  /**
   * Starts a program and waits for its line `ready <name> <address>`.
   *
   * @throws StartError when it ends before that, or is not ready in time.
   */
  start(program: Program): Promise<void> {
    return this.#launch(program, 0);
  }

  /**
   * Ends all children: SIGTERM, and SIGKILL for those that still run after `graceMs`, which is more than the 30 s
   * that a service gives its running calls.
   */
  async stop(graceMs = 60_000): Promise<void> {
    this.#stopping = true;
    const running = [...this.#children.values()].filter((child) =>
      child.pid !== undefined && child.exitCode === null && child.signalCode === null
    );
    await Promise.all(running.map((child) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
        child.once("exit", () => {
          clearTimeout(timer);
          resolve();
        });
        // Deno's child.kill also closes the standard input, which would be a second signal: "exit at once".
        process.kill(child.pid!, "SIGTERM");
      })
    ));
  }

  #launch(program: Program, restarts: number): Promise<void> {
    const { name, script, more = [] } = program;
    const args = [...program.args, ...more.flatMap((setting) => ["--set", setting])];
    const { onLine, readyTimeoutMs = 120_000 } = this.options;
    if (this.#stopping) {
      return Promise.reject(new StartError(`Cannot start ${name}: all are ending`, false));
    }
    const child = spawn(process.execPath, [
      "run",
      ...program.flags(more),
      script,
      "--exit-with-parent",
      ...args,
    ], {
      cwd: root,
      stdio: ["pipe", "pipe", "pipe"],
      // A process group of its own: a terminal's Ctrl-C is the supervisor's to hear, which then ends all.
      detached: true,
    });
    this.#children.set(name, child);
    const last: string[] = [];
    return new Promise((resolve, reject) => {
      let ready = false;
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        const message = `Cannot start ${name}: it was not ready after ${readyTimeoutMs} ms`;
        reject(new StartError(message, false));
      }, readyTimeoutMs);
      const read = (line: string) => {
        const [word, who, address] = line.split(" ");
        if (!ready && word === "ready" && who === name && address !== undefined) {
          ready = true;
          clearTimeout(timer);
          this.#addresses.set(name, address);
          resolve();
        }
        last.push(line);
        if (last.length > 20) last.shift();
        onLine(name, line);
      };
      createInterface({ input: child.stdout! }).on("line", read);
      createInterface({ input: child.stderr! }).on("line", read);
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        clearTimeout(timer);
        if (this.#stopping) return;
        const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
        if (!ready && restarts === 0) {
          const said = last.join("\n");
          reject(
            code === BAD_CONFIG
              ? new StartError(said, true)
              : new StartError(`Cannot start ${name}: it ${how}\n${said}`, false),
          );
          return;
        }
        void this.#again(program, how, code, ready ? 0 : restarts);
      });
    });
  }

  async #again(
    program: Program,
    how: string,
    code: number | null,
    restarts: number,
  ): Promise<void> {
    const { name } = program;
    if (code === BAD_CONFIG || restarts >= MOST_RESTARTS) {
      this.#failed?.(new Error(`${name} ${how} and is given up after ${restarts} restarts`));
      return;
    }
    const waitMs = backoffMs(BACKOFF, restarts + 1);
    this.options.onLine(name, `${how}; starting it again in ${waitMs} ms`);
    await delay(waitMs);
    if (this.#stopping) return;
    // The child that restarts keeps its address: callers reconnect to it by themselves.
    const address = this.#addresses.get(name);
    const fixed = address === undefined
      ? program
      : { ...program, more: [`${name}.listen=${address}`] };
    await this.#launch(fixed, restarts + 1).catch(() => {});
  }
}
