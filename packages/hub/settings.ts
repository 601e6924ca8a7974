import { InputError } from "@decorum/tensor";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Where the hub is, who asks, and where its files are kept: the environment of every Hugging Face tool. */
export interface HubSettings {
  /** `HF_ENDPOINT`, without a slash at its end. */
  readonly endpoint: string;
  /** `HF_TOKEN`, else the file that `hf auth login` writes; undefined: ask without one. */
  readonly token: string | undefined;
  /** `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else `~/.cache/huggingface/hub`. */
  readonly cacheDir: string;
  /** `HF_HUB_OFFLINE`: the cache alone. */
  readonly offline: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings of the hub from the environment, by the names and defaults of `huggingface_hub`.
 *
 * @throws InputError for an endpoint that is no http(s) URL.
 */
export function hubSettings(env: Environment = process.env): HubSettings {
  const home = env["HF_HOME"] ??
    join(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache"), "huggingface");
  const endpoint = (env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new InputError(
      `Cannot use HF_ENDPOINT "${endpoint}": expected a URL that begins with http:// or https://`,
    );
  }
  return {
    endpoint,
    token: env["HF_TOKEN"] || tokenFile(env["HF_TOKEN_PATH"] ?? join(home, "token")),
    cacheDir: env["HF_HUB_CACHE"] ?? env["HUGGINGFACE_HUB_CACHE"] ?? join(home, "hub"),
    offline: /^(1|true|yes|on)$/i.test(env["HF_HUB_OFFLINE"] ?? ""),
  };
}

function tokenFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
