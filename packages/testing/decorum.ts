/** The `decorum` command as a process of its own. */
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** A process as `ps` shows it. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** A `decorum` process that ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `decorum`; SIGKILL at the end of an `await using` block. */
export interface Decorum extends AsyncDisposable {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Signals the whole process group, as a terminal's Ctrl-C does. */
  killGroup(signal: NodeJS.Signals): void;
  /** Resolves when its output matches, however long that takes. @throws Error when it ends before */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when `hold` holds, however long that takes. @throws Error when the process ends before */
  until(hold: () => boolean): Promise<void>;
  output(): string;
  readonly ended: Promise<Ended>;
}

/** Starts the command in a process group of its own. */
export function startDecorum(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly shell?: string;
    /** Over the environment of this process. */
    readonly env?: Readonly<Record<string, string>>;
    /** Its standard input. */
    readonly input?: string | Uint8Array;
  } = {},
): Decorum {
  const command = [process.execPath, "run", "-A", main, ...args];
  const [file, ...rest] = options.shell === undefined
    ? command
    : ["bash", "-c", `${options.shell}; exec "$@"`, "bash", ...command];
  const child = spawn(file!, rest, {
    detached: true,
    stdio: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const pid = child.pid!;
  let [stdout, stderr, output] = ["", "", ""];
  let check = () => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    output += text;
    check();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    output += text;
    check();
  });
  const ended = new Promise<Ended>((resolve) => {
    // Deno tells an exit code above 128 as a signal, which is what shells mean by it.
    child.on(
      "close",
      (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal!], stdout, stderr }),
    );
  });
  const running = () => child.exitCode === null && child.signalCode === null;
  return {
    pid,
    ended,
    kill: (signal) => void process.kill(pid, signal),
    killGroup: (signal) => void process.kill(-pid, signal),
    output: () => output,
    async until(hold) {
      await until(() => hold() || !running());
      if (!hold()) throw new Error(`it ended before what was waited for:\n${output}`);
    },
    said: (pattern) =>
      new Promise((resolve, reject) => {
        check = () => {
          const found = pattern.exec(output);
          if (found) resolve(found);
        };
        check();
        void ended.then(({ code }) =>
          reject(new Error(`it ended with ${code} and never said ${pattern}:\n${output}`))
        );
      }),
    async [Symbol.asyncDispose]() {
      if (running()) process.kill(pid, "SIGKILL");
      await ended;
    },
  };
}

/** Runs the command to its end. */
export async function runDecorum(
  args: readonly string[],
  input: string | Uint8Array = "",
): Promise<Ended> {
  return await startDecorum(args, { input }).ended;
}

/** Runs the command; an error that shows what it said unless it succeeds. */
export async function succeed(args: readonly string[], input = ""): Promise<Ended> {
  const ended = await runDecorum(args, input);
  if (ended.code === 0) return ended;
  throw new Error(`decorum ${args.join(" ")} ended with ${ended.code}:\n${ended.stderr}`);
}

/** All processes of this machine. */
export function processes(): ProcessRow[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,args="], {
    encoding: "utf8",
    maxBuffer: 2 ** 24,
  });
  return stdout.trim().split("\n").map((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return { pid: Number(pid), parent: Number(parent), command: command ?? "" };
  });
}

/** Processes of services below `pid`, by the service's name. */
export function servicesOf(pid: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const row of processes()) {
    const name = /services\/(\w+)\/main\.ts/.exec(row.command)?.[1];
    if (row.parent === pid && name !== undefined) found.set(name, row.pid);
  }
  return found;
}

/** Resolves when `hold` does, however long that takes. */
export async function until<T>(hold: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = hold();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Resolves when none of the processes runs any more. */
export async function gone(pids: Iterable<number>): Promise<void> {
  const wanted = new Set(pids);
  await until(() =>
    !processes().some(({ pid, command }) => wanted.has(pid) && !command.includes("<defunct>"))
  );
}
