import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeWhole } from "../atomic_write.ts";

/** `metrics.jsonl` of a run: a line for each step, and one for each evaluation. */
export class MetricsFile {
  readonly path: string;

  /**
   * @param done steps that the run has behind it; lines of later ones, left by a run that was ended before its
   * checkpoint, are dropped
   */
  constructor(out: string, done: number) {
    this.path = join(out, "metrics.jsonl");
    mkdirSync(dirname(this.path), { recursive: true });
    const lines = existsSync(this.path) ? readFileSync(this.path, "utf8").split("\n") : [];
    const kept = lines.filter((line) => {
      const parsed = parse(line);
      return parsed !== undefined && parsed.step <= done && !("eval_loss" in parsed);
    });
    writeWhole(this.path, kept.map((line) => `${line}\n`).join(""));
  }

  write(line: Readonly<Record<string, string | number | boolean>>): void {
    appendFileSync(this.path, `${JSON.stringify(line)}\n`);
  }
}

/** A line of the file; undefined for the half line that a killed process may leave. */
function parse(line: string): { readonly step: number } | undefined {
  try {
    return JSON.parse(line) as { readonly step: number };
  } catch {
    return undefined;
  }
}
