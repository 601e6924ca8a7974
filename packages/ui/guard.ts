import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { HttpError } from "@decorum/service";

/** What a request says of where it goes and comes from. */
export interface Requested {
  readonly method: string;
  readonly headers: Pick<
    IncomingHttpHeaders,
    "host" | "origin" | "sec-fetch-site" | "sec-fetch-mode"
  >;
  /** Whether it came over TLS. */
  readonly secure: boolean;
}

/**
 * Refuses what another site's page may have sent.
 *
 * A name that is neither "localhost" nor in `names` may be anybody's that leads to this machine now (DNS rebinding);
 * an IP address is nobody's. What changes something must come from this page itself (request forgery).
 *
 * @param names under which the page is reached, beside localhost and IP addresses
 * @throws HttpError 421 for another host, 403 for another origin
 */
export function checkSite({ method, headers, secure }: Requested, names: readonly string[]): void {
  const { host, origin } = headers;
  const name = host === undefined ? undefined : nameOf(host);
  if (name === undefined || !(name === "localhost" || isIP(name) || names.includes(name))) {
    throw new HttpError(
      421,
      `This page is not called ${JSON.stringify(host ?? "")}: ` +
        "open it by its IP address or as localhost, or start it with this name (--name)",
    );
  }
  const own = `${secure ? "https" : "http"}://${host}`;
  const reads = method === "GET" || method === "HEAD";
  if (origin === undefined ? !reads : origin !== own) {
    throw new HttpError(403, `Requests of ${origin ?? "no origin"} are refused: only ${own} may`);
  }
  // Browsers say where a request comes from, even one without an Origin; a link that is followed is none of a script.
  const site = headers["sec-fetch-site"];
  const followed = reads && headers["sec-fetch-mode"] === "navigate";
  if (site !== undefined && site !== "same-origin" && site !== "none" && !followed) {
    throw new HttpError(403, "Requests of other sites are refused");
  }
}

/** The host of a Host header, without brackets; undefined where it is none. */
function nameOf(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** Headers of every answer: a browser loads nothing but this server's own files, and runs nothing inline. */
export const safeHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};
