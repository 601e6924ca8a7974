import { readJson, replaceFile } from "@decorum/tensor";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { defaultCacheDir, openCheckpoint } from "./checkpoint.ts";

/** Files that decide how text becomes ids, where a folder has them. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
] as const;

/** Files of this size or more are read once; their digest is then kept in the cache. */
const CACHED_BYTES = 64 * 2 ** 20;

/** Where digests are kept. */
interface ModelHashOptions {
  /** Default: the cache of {@link openCheckpoint}. */
  readonly cacheDir?: string;
  /** Bytes from which a file's digest is cached, by its path, size and time of change; default 64 MiB. */
  readonly cachedBytes?: number;
}

/**
 * SHA-256 in hexadecimal that tells base models apart: over `config.json` (whatever the order of its fields)
 * and every byte of the weights' files. Equal for copies of a folder, whatever they are called.
 *
 * @throws as {@link openCheckpoint} and `readJson`
 */
export async function baseModelHash(
  folder: string,
  options: ModelHashOptions = {},
): Promise<string> {
  const config = canonicalJson(readJson(join(folder, "config.json")));
  using checkpoint = openCheckpoint(folder, options);
  const digests: string[] = [];
  for (const file of checkpoint.files) digests.push(await fileDigest(file, options));
  return sha256(JSON.stringify(["decorum base model", 1, config, digests.sort()]));
}

/**
 * SHA-256 in hexadecimal over the tokenizer's files in a model folder, names included; empty where it has
 * none.
 */
export function tokenizerHash(folder: string): string {
  const files = TOKENIZER_FILES.filter((name) => existsSync(join(folder, name)));
  if (files.length === 0) return "";
  const digests = files.map((name) => [name, sha256(readFileSync(join(folder, name)))]);
  return sha256(JSON.stringify(["decorum tokenizer", 1, digests]));
}

/** JSON text of a value with the fields of its objects in the order of their names. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1))
        : part,
  );
}

async function fileDigest(path: string, options: ModelHashOptions): Promise<string> {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  if (size < (options.cachedBytes ?? CACHED_BYTES)) return await readDigest(path);
  const identity = sha256(JSON.stringify([realpathSync(path), `${size}`, `${mtimeNs}`]));
  const folder = options.cacheDir ?? defaultCacheDir();
  const kept = join(folder, `${identity.slice(0, 32)}.sha256`);
  if (existsSync(kept)) {
    const text = readFileSync(kept, "utf8").trim();
    if (/^[0-9a-f]{64}$/.test(text)) return text;
  }
  const digest = await readDigest(path);
  replaceFile(kept, `${digest}\n`);
  return digest;
}

async function readDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 4 * 2 ** 20 })) {
    hash.update(chunk as Uint8Array);
  }
  return hash.digest("hex");
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
