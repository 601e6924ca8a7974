import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { InputError } from "@decorum/tensor";
import { CodeProcess, EndedError } from "./code_process.ts";
import { type RewardBatch, type RewardCall, RewardError, type RewardSource } from "./source.ts";

/** A function of the user's: `export function reward({ prompts, responses, references, rows })`, sync or async. */
export interface CodeReward {
  /** A TypeScript or JavaScript file. */
  readonly module: string;
  /** Name of the exported function. */
  readonly export: string;
  /** What it may do; nothing by default. */
  readonly allow: {
    /** Files and folders that it may read. */
    readonly read: readonly string[];
    /** "host" or "host:port". */
    readonly net: readonly string[];
    /** Environment variables. */
    readonly env: readonly string[];
    /** Imports of `npm:` packages. */
    readonly npm: boolean;
  };
  /** Seconds for one batch. */
  readonly time_limit_s: number;
  /** Mebibytes that its process may hold. */
  readonly memory_limit_mb: number;
}

/**
 * A reward that is the user's own code, in a process of its own: it has no permissions but those that are granted, and
 * limits of time and memory. A process that ended is started again once for a batch.
 *
 * @param folder gets a file while a process runs
 * @throws InputError where the module is no file
 */
export function codeSource(
  term: string,
  reward: CodeReward,
  folder: string = tmpdir(),
): RewardSource {
  const module = resolve(reward.module);
  if (!existsSync(module)) {
    throw new InputError(`Cannot use reward "${term}": there is no file ${module}`);
  }
  if (process.versions["deno"] === undefined) {
    throw new InputError(
      `Cannot use reward "${term}": a code reward needs Deno, whose permissions hold it`,
    );
  }
  let host: CodeProcess | undefined;
  const ask = async (batch: RewardBatch, call: RewardCall, limit: number) => {
    call.signal.throwIfAborted();
    host ??= await CodeProcess.start(term, module, reward, folder);
    try {
      return await host.ask(batch, limit, call.signal);
    } catch (error) {
      if (error instanceof EndedError || call.signal.aborted) {
        host.end();
        host = undefined;
      }
      throw error;
    }
  };
  return {
    async score(batch, call) {
      const limit = reward.time_limit_s;
      try {
        return { scores: await ask(batch, call, limit) };
      } catch (first) {
        if (!(first instanceof EndedError)) throw first;
        call.say(`reward "${term}": ${first.message}; its process is started again`);
      }
      try {
        return { scores: await ask(batch, call, limit) };
      } catch (second) {
        if (!(second instanceof EndedError)) throw second;
        const row = await culprit(batch, (one) => ask(one, call, limit), call.signal);
        throw new RewardError(term, row, `${second.message}, twice`, { cause: second });
      }
    },
    async check() {
      host ??= await CodeProcess.start(term, module, reward, folder);
    },
    version: () => moduleHash(term, module, reward),
    [Symbol.asyncDispose]() {
      host?.end();
      host = undefined;
      return Promise.resolve();
    },
  };
}

/** The first row that ends the process by itself; undefined where none does. */
async function culprit(
  batch: RewardBatch,
  ask: (one: RewardBatch) => Promise<unknown>,
  signal: AbortSignal,
): Promise<number | undefined> {
  for (let row = 0; row < batch.prompts.length; row++) {
    try {
      await ask(rowOf(batch, row));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EndedError) return row;
    }
  }
  return undefined;
}

function rowOf({ prompts, responses, references, rows }: RewardBatch, row: number): RewardBatch {
  const one = <T>(list: readonly T[]) => list.slice(row, row + 1);
  return {
    prompts: one(prompts),
    responses: one(responses),
    references: one(references),
    rows: one(rows),
  };
}

interface ModuleGraph {
  readonly modules: readonly { readonly specifier: string; readonly error?: string }[];
  readonly npmPackages?: Readonly<Record<string, unknown>>;
}

/** SHA-256 of the module, everything that it imports, and what it is allowed to do. */
async function moduleHash(term: string, module: string, reward: CodeReward): Promise<string> {
  const url = pathToFileURL(module).href;
  const graph = JSON.parse(
    await output([
      ...["info", "--json", "--no-config", "--no-lock", "--no-remote"],
      ...["--node-modules-dir=none", ...(reward.allow.npm ? [] : ["--no-npm"]), url],
    ]),
  ) as ModuleGraph;
  const hash = createHash("sha256").update(JSON.stringify([reward.export, reward.allow]));
  const specifiers = graph.modules.map(({ specifier, error }) => {
    if (error === undefined) return specifier;
    throw new RewardError(term, undefined, `cannot load ${module}: ${error}`);
  });
  for (const specifier of specifiers.sort()) {
    if (!specifier.startsWith("file:")) {
      hash.update(`${specifier}\n`);
      continue;
    }
    const path = fileURLToPath(specifier);
    hash.update(`${relative(dirname(module), path)}\n`).update(readFileSync(path));
  }
  for (const name of Object.keys(graph.npmPackages ?? {}).sort()) hash.update(`${name}\n`);
  return hash.digest("hex");
}

function output(args: readonly string[]): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => out += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
    child.on("error", failed);
    child.on("close", (code) => {
      if (code === 0) done(out);
      else failed(new InputError(`Cannot read the reward's module: ${errors.trim()}`));
    });
  });
}
