import process from "node:process";
import { InputError } from "@decorum/tensor";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

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

/** A repository of the hub, at a revision. */
export interface HubRepo {
  readonly type: "model" | "dataset";
  /** `owner/name`. */
  readonly name: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** A file of a repository. */
interface HubFile {
  readonly repo: HubRepo;
  /** Path inside the repository. */
  readonly path: string;
}

const COMMIT = /^[0-9a-f]{40}$/;
const NAME = String.raw`[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*`;
const MODEL = new RegExp(`^(?:hf://(?:models/)?)?(?<name>${NAME})(?:@(?<revision>[^@\\s]+))?$`);
const FILE = new RegExp(
  `^hf://(?:(?<type>models|datasets)/)?(?<name>${NAME})(?:@(?<revision>[^@\\s/]+))?/(?<path>[^@]+)$`,
);

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/**
 * The model repository that a setting names: `owner/name`, `owner/name@revision` or `hf://owner/name`.
 * A path that exists on this machine always wins.
 *
 * @returns undefined for anything else, which is a path then.
 */
export function parseModelRepo(text: string): HubRepo | undefined {
  if (!text.startsWith("hf://") && isThere(text)) return undefined;
  const groups = MODEL.exec(text)?.groups;
  if (groups === undefined) {
    if (!text.startsWith("hf://")) return undefined;
    throw new InputError(`Cannot read hub name "${text}": expected hf://owner/name[@revision]`);
  }
  return { type: "model", name: groups["name"]!, revision: groups["revision"] ?? "main" };
}

/** Whether there is such a path that this process may read: Deno throws where it may not. */
function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}

/**
 * The file that a setting names: `hf://datasets/owner/name[@revision]/path` (of a model, `hf://owner/name/path`).
 *
 * @returns undefined for anything that does not begin with `hf://`, which is a path then.
 * @throws InputError for a malformed one.
 */
export function parseHubFile(text: string): HubFile | undefined {
  if (!text.startsWith("hf://")) return undefined;
  const groups = FILE.exec(text)?.groups;
  if (groups === undefined || groups["path"]!.split("/").some((part) => /^\.{0,2}$/.test(part))) {
    throw new InputError(
      `Cannot read hub file "${text}": expected hf://datasets/owner/name[@revision]/path/of/file`,
    );
  }
  return {
    repo: {
      type: groups["type"] === "datasets" ? "dataset" : "model",
      name: groups["name"]!,
      revision: groups["revision"] ?? "main",
    },
    path: groups["path"]!,
  };
}

/**
 * Whether `pinned` is what `setting` meant when it was resolved: the same repository and file, at a commit,
 * where the setting names none.
 */
export function isPinOf(pinned: string, setting: string): boolean {
  const commit = /@([0-9a-f]{40})(?=\/|$)/.exec(pinned);
  if (commit === null || /@[0-9a-f]{40}(?=\/|$)/.test(setting)) return false;
  const bare = (text: string) => text.replace(/^hf:\/\/(models\/)?/, "").replace(/@[^/]+/, "");
  return bare(pinned) === bare(setting);
}

/** A repository as settings and messages write it. */
export function formatRepo({ type, name, revision }: HubRepo): string {
  return `${type === "dataset" ? "hf://datasets/" : ""}${name}@${revision}`;
}

/** A file as settings and messages write it. */
export function formatFile({ repo, path }: HubFile): string {
  return `hf://${formatRepo(repo).replace(/^hf:\/\//, "")}/${path}`;
}
