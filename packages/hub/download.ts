import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { Deadline, retry } from "@decorum/async";
import { HubError, hubError, unreachable } from "./errors.ts";
import type { RepoFile } from "./repo_files.ts";
import type { HubRepo, HubSettings } from "./source.ts";

const ATTEMPTS = 5;
const BACKOFF = { firstMs: 200, longestMs: 5000 };
/** Milliseconds without a byte after which a connection is given up and taken up again. */
const STALL_MS = 30_000;

interface DownloadOptions {
  readonly settings: HubSettings;
  /** The repository at a commit. */
  readonly repo: HubRepo;
  readonly file: RepoFile;
  /** Where the file is to be; it appears there whole and checked, or not at all. */
  readonly target: string;
  /** Bytes of this file that are there, those of earlier attempts counted in. */
  readonly onBytes: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Downloads a file. What an earlier attempt left is taken up again, wherever it stopped; the checksum is
 * that of the whole.
 *
 * @throws HubError for what the hub refuses, and for a checksum that differs; UnreachableError after
 * several attempts; Error when the disk is full.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { repo, file, settings, target, signal } = options;
  const partial = `${target}.decorum.incomplete`;
  mkdirSync(dirname(target), { recursive: true });
  checkSpace(file, partial);
  try {
    await retry(() => transfer(options, partial), {
      ...{ attempts: ATTEMPTS, backoff: BACKOFF, signal },
      mayPass: (error) =>
        !isDiskFull(error) &&
        !(error instanceof HubError && error.status < 500 && error.status !== 429),
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (isDiskFull(error)) throw diskFull(file, partial);
    throw error instanceof HubError ? error : unreachable(repo, settings, error);
  }
  await rename(partial, target);
}

/** One connection's worth of {@link download}: returns when the partial file is whole and right. */
async function transfer(options: DownloadOptions, partial: string): Promise<void> {
  const { settings, repo, file, onBytes } = options;
  let done = statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  if (done > file.size) done = 0;
  const hash = newHash(file);
  if (done > 0) {
    for await (const chunk of createReadStream(partial, { end: done - 1 })) hash.update(chunk);
  }
  onBytes(done);
  const out = await open(partial, existsSync(partial) ? "r+" : "w");
  try {
    if (done < file.size) {
      using stall = new Deadline(STALL_MS, "no data came", options.signal);
      const response = await fetch(fileUrl(settings, repo, file), {
        headers: {
          ...(settings.token === undefined ? {} : { authorization: `Bearer ${settings.token}` }),
          ...(done > 0 ? { range: `bytes=${done}-` } : {}),
          // Lengths and ranges are those of the file, not of a compressed form of it.
          "accept-encoding": "identity",
        },
        signal: stall.signal,
      });
      const { status } = response;
      if (status !== 200 && status !== 206) {
        await response.body?.cancel();
        const code = response.headers.get("X-Error-Code") ?? undefined;
        throw hubError(repo, settings, status, code);
      }
      // A server that does not know ranges sends everything again.
      const again = done > 0 && status === 200;
      if (again) done = 0;
      const whole = again ? newHash(file) : hash;
      for await (const chunk of response.body ?? []) {
        stall.restart();
        await out.write(chunk, 0, chunk.length, done);
        whole.update(chunk);
        done += chunk.length;
        onBytes(done);
      }
      if (done < file.size) throw new Error(`the connection ended after ${done} bytes`);
      await out.truncate(done);
      await out.sync();
      return check(options, whole, done, partial);
    }
  } finally {
    await out.close();
    const kept = statSync(partial, { throwIfNoEntry: false });
    if (file.size > 0 && kept?.size === 0) rmSync(partial);
  }
  check(options, hash, done, partial);
}

function check(
  { repo, file, settings }: DownloadOptions,
  hash: Hash,
  size: number,
  partial: string,
) {
  const found = hash.digest("hex");
  if (found === file.oid && size === file.size) return;
  rmSync(partial, { force: true });
  throw new HubError(
    `Cannot keep ${file.path} of ${repo.name}: its checksum is ${found} (${size} bytes), the hub at ` +
      `${settings.endpoint} says ${file.oid} (${file.size} bytes); the download was deleted: try again, ` +
      "and look at the proxy or mirror between if it stays so",
    422,
  );
}

function newHash({ checksum, size }: RepoFile): Hash {
  return checksum === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

function fileUrl({ endpoint }: HubSettings, { type, name, revision }: HubRepo, { path }: RepoFile) {
  const inside = path.split("/").map(encodeURIComponent).join("/");
  return `${endpoint}/${
    type === "dataset" ? "datasets/" : ""
  }${name}/resolve/${revision}/${inside}`;
}

function checkSpace(file: RepoFile, partial: string): void {
  const here = statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  const { bavail, bsize } = statfsSync(dirname(partial));
  if (bavail * bsize < file.size - here) throw diskFull(file, partial);
}

function isDiskFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOSPC";
}

function diskFull(file: RepoFile, partial: string): Error {
  return new Error(
    `Cannot download ${file.path}: ${(file.size / 1e6).toFixed(1)} MB do not fit on the disk of ${
      dirname(partial)
    }; free some space, or set HF_HOME to another disk`,
  );
}
