import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { lockFile } from "@decorum/async";
import { replaceFile } from "@decorum/tensor";
import { download } from "./download.ts";
import { UnreachableError } from "./errors.ts";
import { listRepo, type RepoFile, type RepoFiles } from "./repo_files.ts";
import { formatRepo, type HubRepo, type HubSettings, hubSettings, isCommit } from "./source.ts";

/** How far a download is. */
interface DownloadProgress {
  /** File of the repository that is on its way. */
  readonly path: string;
  /** Bytes that are there, of all files that are wanted. */
  readonly done: number;
  readonly total: number;
}

export interface SnapshotOptions {
  readonly settings?: HubSettings;
  /** Called often; only while something is downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Told when the cache stands in for a hub that does not answer. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** A revision of a repository on this machine. */
interface Snapshot {
  /** Absolute path of the folder, in the cache. */
  readonly folder: string;
  readonly commit: string;
}

/**
 * The files of a repository that `wanted` chooses, downloaded into the Hugging Face cache as far as they
 * are not there yet; other tools that use the cache find them there.
 *
 * @throws HubError, UnreachableError, or Error when `HF_HUB_OFFLINE` is set and the cache lacks it.
 */
export async function snapshot(
  repo: HubRepo,
  wanted: (files: readonly RepoFile[]) => readonly RepoFile[],
  options: SnapshotOptions = {},
): Promise<Snapshot> {
  const settings = options.settings ?? hubSettings();
  const storage = join(settings.cacheDir, `${repo.type}s--${repo.name.replaceAll("/", "--")}`);
  if (settings.offline) {
    const cached = fromCache(repo, storage);
    if (cached) return cached;
    throw new Error(
      `Cannot get ${
        formatRepo(repo)
      }: HF_HUB_OFFLINE is set, and it is not in ${settings.cacheDir}; ` +
        `run "decorum download ${formatRepo(repo)}" where the hub can be reached`,
    );
  }
  let listed = listingOf(repo.revision, storage);
  try {
    listed ??= await listRepo(repo, settings);
  } catch (error) {
    const cached = error instanceof UnreachableError ? fromCache(repo, storage) : undefined;
    if (!cached) throw error;
    options.onWarning?.(`${(error as Error).message}; what the cache holds is used`);
    return cached;
  }
  const { commit } = listed;
  const files = wanted(listed.files);
  const folder = join(storage, "snapshots", commit);
  const pinned = { ...repo, revision: commit };
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const file of files) {
    const blob = join(storage, "blobs", file.oid);
    if (!isWhole(blob, file)) {
      const lock = join(
        settings.cacheDir,
        ".locks",
        relative(settings.cacheDir, blob) + ".decorum",
      );
      using _ = await lockFile(lock, options.signal);
      const start = before;
      if (!isWhole(blob, file)) {
        await download({
          settings,
          repo: pinned,
          file,
          target: blob,
          onBytes: (done) => options.onProgress?.({ path: file.path, done: start + done, total }),
          ...(options.signal ? { signal: options.signal } : {}),
        });
      }
    }
    link(blob, join(folder, file.path));
    before += file.size;
  }
  mkdirSync(folder, { recursive: true });
  replaceFile(listingFile(storage, commit), JSON.stringify(listed.files));
  // Only now, when all of it is there, does the branch mean this commit to those who are offline.
  if (repo.revision !== commit) replaceFile(join(storage, "refs", repo.revision), commit);
  return { folder, commit };
}

function isWhole(blob: string, { size }: RepoFile): boolean {
  return statSync(blob, { throwIfNoEntry: false })?.size === size;
}

function fromCache({ revision }: HubRepo, storage: string): Snapshot | undefined {
  const ref = join(storage, "refs", revision);
  const commit = isCommit(revision)
    ? revision
    : existsSync(ref)
    ? readFileSync(ref, "utf8").trim()
    : undefined;
  if (commit === undefined) return undefined;
  const folder = join(storage, "snapshots", commit);
  if (!existsSync(folder) || readdirSync(folder).length === 0) return undefined;
  return { folder, commit };
}

/** Relative, as `huggingface_hub` links: the cache may be moved and mounted. */
function link(blob: string, pointer: string): void {
  mkdirSync(dirname(pointer), { recursive: true });
  if (existsSync(pointer)) return;
  try {
    symlinkSync(relative(dirname(pointer), blob), pointer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function listingFile(storage: string, commit: string): string {
  return join(storage, ".decorum", `${commit}.json`);
}

/** What a commit holds never changes: once it is known, what is here needs no question to the hub. */
function listingOf(revision: string, storage: string): RepoFiles | undefined {
  const path = listingFile(storage, revision);
  if (!isCommit(revision) || !existsSync(path)) return undefined;
  return { commit: revision, files: JSON.parse(readFileSync(path, "utf8")) as RepoFile[] };
}
