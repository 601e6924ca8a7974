import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder for a test's files, removed at the end of a `using` block. */
export class TemporaryFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "decorum-test-"));

  join(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** Writes a file. @returns its path */
  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.join(name), content);
    return this.join(name);
  }

  /** Writes rows as JSON lines. @returns the file's path */
  jsonl(name: string, rows: readonly unknown[]): string {
    return this.write(name, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  }

  /** The whole lines of a JSON lines file. */
  lines(...names: string[]): Record<string, number>[] {
    const text = readFileSync(this.join(...names), "utf8");
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Record<string, number>);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
