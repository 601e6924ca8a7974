import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "@decorum/tensor";

/** What a stage gave, and the hash of all that decided it, of which later stages are made. */
export interface Staged<T> {
  readonly inputs: string;
  readonly result: T;
  /** Wall time of the call that finished it. */
  readonly seconds: number;
}

/** The stages of an experiment, a folder each. */
export class Stages {
  /** @param out gets the folders */
  constructor(readonly out: string, readonly say: (line: string) => void) {}

  /**
   * What the stage gave before, when the same decided it; else does its work. A stage that was cut off finds its
   * folder as it left it; one that something else decides now begins with an empty one.
   *
   * @param inputs all that decides the result; JSON
   * @param work gets the stage's folder; its result appears whole or not at all
   */
  async run<T>(
    name: string,
    inputs: unknown,
    work: (folder: string) => T | Promise<T>,
  ): Promise<Staged<T>> {
    const folder = join(this.out, name);
    const done = join(folder, "result.json");
    const begun = join(folder, "inputs.json");
    const hash = createHash("sha256").update(JSON.stringify(inputs)).digest("hex");
    const before = readIf<Staged<T>>(done);
    if (before?.inputs === hash) {
      this.say(`${name}: there already (${done})`);
      return before;
    }
    if (readIf<{ inputs: string }>(begun)?.inputs !== hash) {
      rmSync(folder, { recursive: true, force: true });
    }
    mkdirSync(folder, { recursive: true });
    replaceFile(begun, JSON.stringify({ inputs: hash }) + "\n");
    this.say(`${name}: begins`);
    const started = performance.now();
    const result = await work(folder);
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    replaceFile(done, JSON.stringify({ inputs: hash, seconds, result }, null, 2) + "\n");
    this.say(`${name}: done in ${seconds} s`);
    return { inputs: hash, seconds, result };
  }
}

function readIf<T>(file: string): T | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as T : undefined;
}

/** SHA-256 over the bytes of files, in order. */
export function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(createHash("sha256").update(readFileSync(file)).digest());
  return hash.digest("hex");
}
