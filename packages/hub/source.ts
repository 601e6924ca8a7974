import { InputError } from "@decorum/tensor";
import { existsSync } from "node:fs";

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
