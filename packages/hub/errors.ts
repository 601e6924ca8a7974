import { InputError } from "@decorum/tensor";
import { formatRepo, type HubRepo, type HubSettings } from "./source.ts";

/** The hub has answered, and the answer is no. */
export class HubError extends InputError {
  override readonly name = "HubError";
  constructor(message: string, readonly status: number, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The hub does not answer. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** @param code the hub's `X-Error-Code`. */
export function hubError(
  repo: HubRepo,
  settings: HubSettings,
  status: number,
  code?: string,
  cause?: unknown,
): HubError {
  const what = `Cannot get ${formatRepo(repo)} from ${settings.endpoint}`;
  return new HubError(`${what}: ${reason(repo, settings, status, code)}`, status, { cause });
}

function reason(repo: HubRepo, settings: HubSettings, status: number, code?: string): string {
  const token = settings.token === undefined
    ? "no token was sent: set HF_TOKEN"
    : "check HF_TOKEN and what it may read";
  if (code === "GatedRepo") {
    return `it is gated (${status}): ask for access on its page; ${token}`;
  }
  if (code === "RevisionNotFound") {
    return `it has no revision "${repo.revision}" (${status}): expected a branch, a tag or a commit`;
  }
  if (code === "EntryNotFound") return `the file is not in it (${status})`;
  if (status === 401 || status === 403) {
    return `${status}, it is private or does not exist; check the name; ${token}`;
  }
  if (status === 404) return `it does not exist (404): check the ${repo.type}'s name`;
  if (status === 429) return "too many requests (429): try again later, or with HF_TOKEN";
  return `the hub answers with status ${status}; try again later`;
}

export function unreachable(
  repo: HubRepo,
  settings: HubSettings,
  cause: unknown,
): UnreachableError {
  return new UnreachableError(
    `Cannot get ${formatRepo(repo)}: ${settings.endpoint} cannot be reached ` +
      `(${(cause as Error).message}); check the network and HF_ENDPOINT, or use a local folder`,
    { cause },
  );
}
