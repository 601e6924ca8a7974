import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { CodeReward } from "./code.ts";
import type { HostReply } from "./code_host.ts";
import { checkScores, type RewardBatch, RewardError } from "./source.ts";

/** Seconds until the module must have been loaded. */
const LOAD_LIMIT_S = 60;
/** Characters of the process's error output that are kept, and those that a message quotes. */
const [KEPT, QUOTED] = [8000, 400];

/** The process ended, or had to be ended. */
export class EndedError extends Error {
  override readonly name = "EndedError";
}

/** The process that holds the user's module. */
export class CodeProcess {
  #next = 0;
  #errors = "";
  #ended: string | undefined;
  #kill: string | undefined;
  #waiting: { resolve(reply: HostReply): void; reject(error: Error): void } | undefined;

  private constructor(
    readonly term: string,
    readonly child: ChildProcess,
    readonly folder: string,
    memoryLimitMb: number,
    secret: string,
  ) {
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-KEPT);
      if (!this.#errors.includes(secret)) return;
      this.#stop(`it holds more than ${memoryLimitMb} MiB (memory_limit_mb)`);
    });
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (line.startsWith(secret)) {
        this.#waiting?.resolve(JSON.parse(line.slice(secret.length)) as HostReply);
      }
    });
    child.stdin!.on("error", () => {});
    child.on("error", (error) => this.#end(error.message));
    child.on("close", (code, signal) => {
      rmSync(folder, { recursive: true, force: true });
      this.#end(
        this.#kill ??
          (signal === "SIGTRAP" || signal === "SIGABRT"
            ? `its process used up the memory of ${memoryLimitMb} MiB (memory_limit_mb), or crashed: ${signal}`
            : `its process ended with ${signal ?? `code ${code}`}${this.#said()}`),
      );
    });
  }

  /** @throws RewardError for a module that cannot be loaded or does not export the function */
  static async start(
    term: string,
    module: string,
    reward: CodeReward,
    within: string,
  ): Promise<CodeProcess> {
    const folder = mkdtempSync(join(within, "decorum-reward-"));
    const entry = join(folder, "main.ts");
    const secret = randomUUID();
    const hostUrl = new URL("./code_host.ts", import.meta.url).href;
    writeFileSync(
      entry,
      [
        `import { serve, watchMemory } from ${JSON.stringify(hostUrl)};`,
        `const watch = watchMemory(${mostBytes(reward)}, ${JSON.stringify(secret)});`,
        `const module = await import(${JSON.stringify(pathToFileURL(module).href)});`,
        `await serve(module, ${JSON.stringify(reward.export)}, ${JSON.stringify(secret)});`,
        `watch.terminate();`,
      ].join("\n"),
    );
    const child = spawn(process.execPath, [...flagsOf(reward), entry], {
      cwd: dirname(module),
      env: environmentOf(reward),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const host = new CodeProcess(term, child, folder, reward.memory_limit_mb, secret);
    try {
      const { error } = await host.#reply(LOAD_LIMIT_S, undefined);
      if (error) throw new RewardError(term, undefined, error.message);
      return host;
    } catch (error) {
      host.end();
      if (!(error instanceof EndedError)) throw error;
      throw new RewardError(term, undefined, `cannot load ${module}: ${error.message}`);
    }
  }

  /** @throws RewardError for an answer that cannot be used; EndedError when the process has ended */
  async ask(
    batch: RewardBatch,
    limitSeconds: number,
    signal: AbortSignal,
  ): Promise<(number | null)[]> {
    const id = this.#next++;
    if (this.#ended !== undefined) throw new EndedError(this.#ended);
    this.child.stdin!.write(`${JSON.stringify({ id, batch })}\n`);
    const { scores, bad, error } = await this.#reply(limitSeconds, signal);
    if (error) {
      // Deno's own name of what a permission would allow.
      const advice = error.name === "NotCapable"
        ? '; grant it under "allow", if this reward is to be trusted with it'
        : "";
      throw new RewardError(this.term, error.row, error.message + advice);
    }
    const [first] = bad ?? [];
    if (first) {
      throw new RewardError(
        this.term,
        first[0],
        `expected a finite number or null, got ${first[1]}`,
      );
    }
    return checkScores(this.term, scores, batch.prompts.length);
  }

  end(): void {
    this.child.kill("SIGKILL");
  }

  #reply(limitSeconds: number, signal: AbortSignal | undefined): Promise<HostReply> {
    return new Promise<HostReply>((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        this.#waiting = undefined;
      };
      const stop = () => {
        finish();
        reject(signal!.reason);
      };
      const timer = setTimeout(
        () => this.#stop(`it took longer than ${limitSeconds} s (time_limit_s)`),
        limitSeconds * 1000,
      );
      this.#waiting = {
        resolve: (reply) => (finish(), resolve(reply)),
        reject: (error) => (finish(), reject(error)),
      };
      signal?.addEventListener("abort", stop, { once: true });
      if (this.#ended !== undefined) this.#waiting.reject(new EndedError(this.#ended));
    });
  }

  #stop(why: string): void {
    this.#kill ??= why;
    this.child.kill("SIGKILL");
  }

  #end(how: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    this.#waiting?.reject(new EndedError(this.#ended));
  }

  /** What it said last, without the frames of stacks. */
  #said(): string {
    const lines = this.#errors.split("\n").filter((line) => !/^\s*(at |\d+: |$)/.test(line));
    const text = lines.join(" ").trim().slice(-QUOTED);
    return text === "" ? "" : `: ${text}`;
  }
}

/** Mebibytes that Deno itself holds, beside what the limit is about. */
const BASE_MIB = 200;
const mostBytes = ({ memory_limit_mb: limit }: CodeReward) => (limit + BASE_MIB) * 2 ** 20;

/**
 * What can never be granted is denied by name. Trap: when Deno starts itself through `node:child_process` and the
 * arguments hold no permission flag at all, it adds `-A`.
 */
function flagsOf({ allow, memory_limit_mb: memory }: CodeReward): string[] {
  const granted = (name: string, values: readonly string[]) =>
    values.length > 0 ? [`--allow-${name}=${values.join(",")}`] : [];
  return [
    ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote"],
    ...["--node-modules-dir=none", `--v8-flags=--max-old-space-size=${memory}`],
    ...["--deny-write", "--deny-run", "--deny-ffi", "--deny-sys", "--deny-import"],
    ...(allow.npm ? [] : ["--no-npm"]),
    ...granted("read", allow.read.map((path) => resolve(path))),
    ...granted("net", allow.net),
    ...granted("env", allow.env),
  ];
}

/** The variables that are granted, and those that Deno needs to find its cache. */
function environmentOf({ allow }: CodeReward): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "DENO_DIR", "XDG_CACHE_HOME", ...allow.env];
  return {
    ...Object.fromEntries(
      names.flatMap((name) => {
        const value = process.env[name];
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
  };
}
