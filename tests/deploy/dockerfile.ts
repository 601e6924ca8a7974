import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { matchesGlob } from "node:path";

/** One instruction of a Dockerfile, continuation lines joined. */
export interface Instruction {
  readonly keyword: string;
  /** Words behind the keyword, flags left out. */
  readonly args: readonly string[];
  /** Flags, as `from` of `--from=build`. */
  readonly flags: Readonly<Record<string, string>>;
  /** Everything behind the keyword. */
  readonly text: string;
}

/** A stage: `FROM image AS name`, and what follows it. */
export interface Stage {
  readonly name: string;
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

/** The repository's root. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Stages of the images' Dockerfile, and its global arguments. */
export function readDockerfile(): { stages: Stage[]; args: Record<string, string>; text: string } {
  const text = readFileSync(`${root}/deploy/images/Dockerfile`, "utf8");
  const stages: { name: string; image: string; instructions: Instruction[] }[] = [];
  const args: Record<string, string> = {};
  const lines = text.replaceAll(/^\s*#.*\n/gm, "").replaceAll(/\\\n/g, " ").split("\n");
  for (const line of lines.filter((line) => line.trim() !== "")) {
    const [, keyword, rest] = /^(\S+)\s+(.*)$/.exec(line)!;
    const words = rest!.trim().split(/\s+/);
    const flags = Object.fromEntries(
      words.filter((word) => /^--\w+=/.test(word)).map((word) => word.slice(2).split("=", 2)),
    );
    const plain = words.filter((word) => !/^--\w+=/.test(word));
    if (keyword === "FROM") {
      stages.push({ name: plain[2] ?? "", image: plain[0]!, instructions: [] });
    } else if (stages.length === 0) {
      const [name, value] = rest!.split("=", 2);
      args[name!] = value!;
    } else {
      stages.at(-1)!.instructions.push({ keyword: keyword!, args: plain, flags, text: rest! });
    }
  }
  return { stages, args, text };
}

/** Whether the build's context holds a file: the last pattern of the ignore file that matches it, or a folder of it, decides. */
export function inContext(path: string): boolean {
  const patterns = readFileSync(`${root}/deploy/images/Dockerfile.dockerignore`, "utf8")
    .split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const parts = path.split("/");
  const above = parts.map((_, i) => parts.slice(0, i + 1).join("/"));
  let included = true;
  for (const pattern of patterns) {
    const negated = pattern.startsWith("!");
    if (above.some((one) => matchesGlob(one, negated ? pattern.slice(1) : pattern))) {
      included = negated;
    }
  }
  return included;
}
