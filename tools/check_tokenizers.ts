/**
 * Checks tokenizers against recorded reference vectors.
 *
 *   deno run -A tools/check_tokenizers.ts --dir DIR
 *
 * DIR, or each folder in it, is a tokenizer's folder with a `vectors.json`: an array of
 * `{ "text", "ids", "decoded"? }`, where `ids` are the reference's ids with special tokens and
 * `decoded` its text of them without. A folder that has `vocab.json` and `merges.txt` beside
 * `tokenizer.json` is checked both ways. The exit code is 1 when anything differs, 2 when there is
 * nothing to check.
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { loadTokenizer, type Tokenizer } from "@decorum/text";

interface Vector {
  readonly text: string;
  readonly ids: readonly number[];
  readonly decoded?: string;
}

/** Compares every vector, prints the first differences, and returns how many there are. */
function check(name: string, tokenizer: Tokenizer, vectors: readonly Vector[]): number {
  const differences: string[] = [];
  const expect = (what: string, found: unknown, expected: unknown) => {
    const [f, e] = [JSON.stringify(found), JSON.stringify(expected)];
    if (f !== e) differences.push(`${what}\n  found    ${f}\n  expected ${e}`);
  };
  let tokens = 0;
  const start = performance.now();
  for (const { text, ids, decoded } of vectors) {
    const found = tokenizer.encode(text).ids;
    tokens += found.length;
    expect(`ids of ${JSON.stringify(text)}`, found, ids);
    if (decoded !== undefined) {
      expect(
        `text of [${ids}]`,
        tokenizer.decode(ids, { skipSpecialTokens: true, cleanUpSpaces: false }),
        decoded,
      );
    }
  }
  const perMs = (tokens / (performance.now() - start)).toFixed(0);
  for (const difference of differences.slice(0, 10)) console.log(difference);
  console.log(
    `${name}: ${vectors.length} texts, ${tokens} tokens, ${differences.length} differences, ${perMs} tokens/ms`,
  );
  return differences.length;
}

function checkFolder(folder: string): number {
  const name = basename(folder);
  const vectors = JSON.parse(readFileSync(join(folder, "vectors.json"), "utf8")) as Vector[];
  let differences = check(`${name} (as it is)`, loadTokenizer(folder), vectors);
  const vocabulary = ["vocab.json", "merges.txt"];
  if ([...vocabulary, "tokenizer.json"].every((file) => existsSync(join(folder, file)))) {
    const copy = mkdtempSync(join(tmpdir(), "decorum-tokenizer-"));
    try {
      for (const file of [...vocabulary, "tokenizer_config.json", "special_tokens_map.json"]) {
        if (existsSync(join(folder, file))) copyFileSync(join(folder, file), join(copy, file));
      }
      differences += check(`${name} (vocab.json and merges.txt)`, loadTokenizer(copy), vectors);
    } finally {
      rmSync(copy, { recursive: true });
    }
  }
  return differences;
}

const { values } = parseArgs({ options: { dir: { type: "string" } } });
if (values.dir === undefined) {
  console.error("usage: deno run -A tools/check_tokenizers.ts --dir DIR");
  process.exit(2);
}
const hasVectors = (folder: string) => existsSync(join(folder, "vectors.json"));
const dir = values.dir;
const folders = hasVectors(dir)
  ? [dir]
  : readdirSync(dir).sort().map((name) => join(dir, name)).filter(hasVectors);
if (folders.length === 0) {
  console.error(`Found no vectors.json in ${dir} or in a folder of it`);
  process.exit(2);
}
const differences = folders.reduce((n, folder) => n + checkFolder(folder), 0);
process.exit(differences === 0 ? 0 : 1);
