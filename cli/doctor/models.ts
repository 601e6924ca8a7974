import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { hubSettings } from "@decorum/hub";
import type { Named } from "@decorum/settings";
import { resolveSource, type Source } from "../download.ts";
import { fail, type Finding, inGiB, ok, warn } from "./finding.ts";

/** What was found of one, and what its weights take. */
export interface ModelFinding {
  readonly finding: Finding;
  /** Bytes of its weights; 0 where it is not there. */
  readonly bytes: number;
  /** Where it lies; undefined where it does not. */
  readonly path?: string;
}

const WEIGHTS = /\.(safetensors|bin|onnx|onnx_data)$/;

/** Looks whether a model is on this machine, and whole: the hub is not asked. */
export async function model(
  { name: setting, ...source }: Source & Pick<Named, "name">,
): Promise<ModelFinding> {
  const missing = (found: string, advice: string): ModelFinding => ({
    finding: fail(setting, found, advice),
    bytes: 0,
  });
  let path: string;
  try {
    const settings = { ...hubSettings(), offline: true };
    ({ path } = await resolveSource(source, { settings }));
  } catch {
    const { cacheDir, offline } = hubSettings();
    const found = `${source.value} is no folder here, and not in the hub's cache (${cacheDir})`;
    // A service that may ask the hub fetches it by itself.
    const finding = (offline ? fail : warn)(
      setting,
      found,
      `decorum download ${source.value}, or correct the setting`,
    );
    return { finding, bytes: 0 };
  }
  if (!existsSync(path)) {
    return missing(`there is no ${path}`, "put it there, or correct the setting");
  }
  if (source.kind === "data") return { finding: ok(setting, path), bytes: 0 };
  const files = readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((file) => statSync(join(path, file)).isFile());
  const weights = files.filter((file) => WEIGHTS.test(file));
  if (weights.length === 0) {
    return missing(
      `${path} holds no weights`,
      "expected .safetensors, .bin or onnx/model.onnx beside config.json",
    );
  }
  const bytes = weights.reduce((sum, file) => sum + statSync(join(path, file)).size, 0);
  const wrong: string[] = [];
  let checked = 0;
  for (const [file, expected] of knownHashes(path, files)) {
    if (!existsSync(join(path, file))) wrong.push(`${file} is missing`);
    else if (await sha256(join(path, file)) !== expected) wrong.push(`${file} is not what it was`);
    checked++;
  }
  if (wrong.length > 0) {
    return { finding: fail(setting, `${path}: ${wrong.join(", ")}`, "download it again"), bytes };
  }
  const hashes = checked === 0 ? "no hashes to check" : `${checked} hashes right`;
  return { finding: ok(setting, `${path}, ${inGiB(bytes)}, ${hashes}`), bytes, path };
}

/** SHA-256 by file: of SHA256SUMS, and of the hub's cache, whose blobs are called by theirs. */
function knownHashes(folder: string, files: readonly string[]): Map<string, string> {
  const known = new Map<string, string>();
  for (const file of files) {
    const name = basename(realpathSync(join(folder, file)));
    if (/^[0-9a-f]{64}$/.test(name)) known.set(file, name);
  }
  const list = join(folder, "SHA256SUMS");
  if (existsSync(list)) {
    for (
      const [, hash, file] of readFileSync(list, "utf8").matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)
    ) {
      known.set(file!, hash!);
    }
  }
  return known;
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
