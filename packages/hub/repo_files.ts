import { datasetInfo, HubApiError, listFiles, modelInfo } from "@huggingface/hub";
import { hubError, unreachable } from "./errors.ts";
import type { HubRepo, HubSettings } from "./source.ts";

/** A file as the hub lists it. */
export interface RepoFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Name of its blob in the cache, which is also its checksum: SHA-256, or the SHA-1 of git. */
  readonly oid: string;
  /** `sha256` over the bytes (large files), `git` as `git hash-object` (the others). */
  readonly checksum: "sha256" | "git";
}

/** A revision of a repository. */
export interface RepoFiles {
  /** The commit that the revision names now. */
  readonly commit: string;
  readonly files: readonly RepoFile[];
}

/**
 * Asks the hub what a revision is and which files it has.
 *
 * @throws HubError for what the hub refuses; UnreachableError when there is no answer.
 */
export async function listRepo(repo: HubRepo, settings: HubSettings): Promise<RepoFiles> {
  let code: string | undefined;
  const request = {
    name: repo.name,
    revision: repo.revision,
    hubUrl: settings.endpoint,
    /**
     * The library's errors leave out the hub's own code for what is wrong, and it takes no token that does not
     * begin with "hf_", as those of mirrors may.
     */
    fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
      const headers = new Headers(init?.headers);
      if (settings.token !== undefined) headers.set("authorization", `Bearer ${settings.token}`);
      const signal = AbortSignal.timeout(30_000);
      const response = await fetch(input, { ...init, headers, signal });
      code = response.headers.get("X-Error-Code") ?? undefined;
      return response;
    },
  };
  try {
    const info = repo.type === "model"
      ? await modelInfo({ ...request, additionalFields: ["sha"] })
      : await datasetInfo({ ...request, additionalFields: ["sha"] });
    const files: RepoFile[] = [];
    const listing = { ...request, repo: { type: repo.type, name: repo.name }, revision: info.sha };
    for await (const entry of listFiles({ ...listing, recursive: true })) {
      if (entry.type !== "file" || entry.path.split("/").includes("..")) continue;
      const { path, size, lfs, oid } = entry;
      if (lfs) files.push({ path, size: lfs.size, oid: lfs.oid, checksum: "sha256" });
      else if (oid !== undefined) files.push({ path, size, oid, checksum: "git" });
    }
    return { commit: info.sha, files };
  } catch (cause) {
    if (cause instanceof HubApiError) throw hubError(repo, settings, cause.statusCode, code, cause);
    throw unreachable(repo, settings, cause);
  }
}
