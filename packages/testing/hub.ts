import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A repository of the test server. */
export interface ServedRepo {
  readonly type: "model" | "dataset";
  readonly name: string;
  /** Files by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Branches and tags besides `main`. */
  readonly branches?: readonly string[];
  /** What a caller needs to see it. */
  readonly access?: "public" | "private" | "gated";
}

/** What a test can do to the bytes of a file that is on its way. */
export interface Faults {
  /** Ends the connection after this many bytes of a file; each time it is asked for, while it returns a number. */
  cutAfter?: (path: string, from: number) => number | undefined;
  /** Bytes other than those promised. */
  corrupt?: (path: string) => boolean;
  /** Answers with this status. */
  status?: (path: string) => number | undefined;
  /** Ignores ranges. */
  noRanges?: boolean;
}

/** One request that came. */
export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Which of the two servers: the hub's own, or the one that holds large files. */
  readonly host: "hub" | "cdn";
}

/** Token that opens private and gated repositories. */
export const TOKEN = "hf_test";
/** Files of at least this many bytes are "large": LFS, served by another host. */
const LARGE = 10_000;
const PAGE = 3;

/**
 * A server that speaks the HTTP API of the Hugging Face hub as far as downloads go: revisions, tree listings in
 * pages, `resolve` with ETags, commit and link headers, redirects to a second host for large files, ranges,
 * and errors with their `X-Error-Code`.
 */
export class HubServer implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  readonly faults: Faults = {};
  readonly endpoint: string;
  readonly #hub: Server;
  readonly #cdn: Server;
  readonly #cdnUrl: string;
  readonly #repos: readonly ServedRepo[];

  private constructor(hub: Server, cdn: Server, repos: readonly ServedRepo[]) {
    this.#hub = hub;
    this.#cdn = cdn;
    this.#repos = repos;
    this.endpoint = urlOf(hub);
    this.#cdnUrl = urlOf(cdn);
    hub.on("request", (request, response) => this.#answerHub(request, response));
    cdn.on("request", (request, response) => this.#answerCdn(request, response));
  }

  static async start(repos: readonly ServedRepo[]): Promise<HubServer> {
    const [hub, cdn] = await Promise.all([listen(), listen()]);
    return new HubServer(hub, cdn, repos);
  }

  /** The commit of a repository: it changes when its files do. */
  commit(repo: ServedRepo): string {
    const hash = createHash("sha1");
    for (const [path, bytes] of repo.files) hash.update(path).update(bytes);
    return hash.digest("hex");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #see(request: IncomingMessage, host: "hub" | "cdn"): string {
    const path = decodeURIComponent(request.url ?? "/");
    const { range, authorization } = request.headers;
    this.seen.push({ path, range, authorization, host });
    return path;
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(this.#see(request, "hub"), this.endpoint);
    const match = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/
      .exec(url.pathname) ??
      /^\/(datasets\/)?([^/]+\/[^/]+)\/(resolve)\/([^/]+)\/(.+)$/.exec(url.pathname);
    if (!match) return fail(response, 404, "not a path of the hub");
    const [, kind, name, action, revision, path] = match;
    const type = kind?.startsWith("datasets") ? "dataset" : "model";
    const repo = this.#repos.find((one) => one.type === type && one.name === name);
    const known = request.headers.authorization === `Bearer ${TOKEN}`;
    if (!repo || (repo.access === "private" && !known)) {
      return known
        ? fail(response, 404, "Repository not found", "RepoNotFound")
        : fail(response, 401, "Invalid username or password.", "RepoNotFound");
    }
    // Of a gated repository everybody sees the listing, but not the files.
    if (repo.access === "gated" && action === "resolve" && !known) {
      return fail(response, 401, `Access to ${type} ${name} is restricted`, "GatedRepo");
    }
    const commit = this.commit(repo);
    if (!["main", "HEAD", commit, ...(repo.branches ?? [])].includes(revision!)) {
      return fail(response, 404, `Invalid rev id: ${revision}`, "RevisionNotFound");
    }
    if (action === "revision") {
      const siblings = [...repo.files.keys()].map((rfilename) => ({ rfilename }));
      return json(response, {
        _id: commit.slice(0, 24),
        id: name,
        sha: commit,
        private: repo.access === "private",
        gated: repo.access === "gated",
        downloads: 1,
        likes: 0,
        lastModified: "2024-01-01T00:00:00.000Z",
        siblings,
      });
    }
    if (action === "tree") return this.#tree(url, repo, response);
    this.#resolve(request, response, repo, commit, path!);
  }

  #tree(url: URL, repo: ServedRepo, response: ServerResponse): void {
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const entries = [...repo.files].map(([path, bytes]) => ({
      type: "file",
      path,
      size: bytes.length,
      oid: gitOid(isLarge(bytes) ? new TextEncoder().encode(`pointer ${sha256(bytes)}`) : bytes),
      ...(isLarge(bytes)
        ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }
        : {}),
    }));
    if (from + PAGE < entries.length) {
      url.searchParams.set("cursor", String(from + PAGE));
      response.setHeader("Link", `<${url}>; rel="next"`);
    }
    json(response, entries.slice(from, from + PAGE));
  }

  #resolve(
    request: IncomingMessage,
    response: ServerResponse,
    repo: ServedRepo,
    commit: string,
    path: string,
  ): void {
    const bytes = repo.files.get(path);
    response.setHeader("X-Repo-Commit", commit);
    if (!bytes) return fail(response, 404, "Entry not found", "EntryNotFound");
    const status = this.faults.status?.(path);
    if (status !== undefined) return fail(response, status, "fault");
    if (!isLarge(bytes)) {
      response.setHeader("ETag", `"${gitOid(bytes)}"`);
      return this.#send(request, response, path, bytes);
    }
    response.setHeader("X-Linked-ETag", `"${sha256(bytes)}"`);
    response.setHeader("X-Linked-Size", bytes.length);
    response.setHeader("Location", `${this.#cdnUrl}/${repo.type}/${repo.name}/${path}?signed=1`);
    response.writeHead(302).end();
  }

  #answerCdn(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(this.#see(request, "cdn"), this.#cdnUrl);
    const [, type, owner, name, ...path] = url.pathname.split("/");
    const repo = this.#repos.find((one) => one.type === type && one.name === `${owner}/${name}`);
    const bytes = repo?.files.get(path.join("/"));
    if (!bytes) return fail(response, 404, "NoSuchKey");
    response.setHeader("ETag", `"${sha256(bytes)}"`);
    this.#send(request, response, path.join("/"), bytes);
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    bytes: Uint8Array,
  ): void {
    const range = this.faults.noRanges
      ? null
      : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    const to = Math.min(bytes.length, range?.[2] ? Number(range[2]) + 1 : bytes.length);
    response.setHeader("Accept-Ranges", "bytes");
    response.setHeader("Content-Length", to - from);
    if (range) response.setHeader("Content-Range", `bytes ${from}-${to - 1}/${bytes.length}`);
    response.writeHead(range ? 206 : 200);
    if (request.method === "HEAD") return void response.end();
    let body = bytes.slice(from, to);
    if (this.faults.corrupt?.(path)) body = body.map((byte) => byte ^ 1);
    const cut = this.faults.cutAfter?.(path, from);
    if (cut === undefined || cut >= body.length) return void response.end(body);
    response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  }
}

function isLarge(bytes: Uint8Array): boolean {
  return bytes.length >= LARGE;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function gitOid(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function fail(response: ServerResponse, status: number, error: string, code?: string): void {
  if (code) response.setHeader("X-Error-Code", code).setHeader("X-Error-Message", error);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" })
    .end(JSON.stringify({ error }));
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" })
    .end(JSON.stringify(value));
}

async function listen(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
