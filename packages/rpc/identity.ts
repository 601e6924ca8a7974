import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { ReloadedFiles, type ReloadHost } from "./reloaded_files.ts";

/** Who calls. */
export interface Identity {
  /** The SPIFFE id, or "anonymous". */
  readonly name: string;
  /** How it was proved. */
  readonly by: "certificate" | "token" | "nothing";
}

export const anonymous: Identity = { name: "anonymous", by: "nothing" };

/** The part of a certificate that names its holder, as Node shows it. */
interface CertificateNames {
  readonly subjectaltname?: string;
}

/** What a caller shows of itself. */
export interface Caller {
  /** Its certificate, which TLS has verified. */
  readonly certificate?: CertificateNames | undefined;
  /** Its `authorization` header. */
  readonly authorization?: string | undefined;
}

/**
 * The SPIFFE id in a certificate: its URI subject alternative name, as "spiffe://decorum/trainer". Undefined
 * where there is none, or more than one (the X.509-SVID rules allow exactly one URI).
 */
export function spiffeId(certificate: CertificateNames | undefined): string | undefined {
  // Node quotes a value that holds a comma or quote; no SPIFFE id does, so such a value is never one.
  const uris = (certificate?.subjectaltname ?? "").split(", ").filter((n) => n.startsWith("URI:"));
  const id = uris.length === 1 ? uris[0]?.slice("URI:".length) : undefined;
  return id !== undefined && /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/.test(id)
    ? id
    : undefined;
}

/** Who makes a call: the holder of its certificate, else the holder of its token, else nobody. */
export function identify(
  { certificate, authorization }: Caller,
  tokens: readonly KnownToken[],
): Identity {
  const id = spiffeId(certificate);
  if (id !== undefined) return { name: id, by: "certificate" };
  const token = tokenOf(authorization);
  const holder = token === undefined ? undefined : holderOf(token, tokens);
  return holder === undefined ? anonymous : { name: holder, by: "token" };
}

/** SHA-256 of a token in hexadecimal: what a server keeps of it. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** A token that a server knows, by its SHA-256 in hexadecimal. */
export interface KnownToken {
  readonly sha256: string;
  /** Whom it proves. */
  readonly identity: string;
}

/** Whose tokens a server knows; asked at every call, so that a token may come or go while it runs. */
export type TokenSource = () => readonly KnownToken[];

/**
 * The lines of a tokens file: the token's SHA-256, blanks, the identity that it proves. `#` begins a comment. An
 * identity has as many tokens as it has lines.
 *
 * @param trustDomain of identities that are written short: "client/dashboard" is "spiffe://decorum/client/dashboard"
 * @throws Error naming the line
 */
export function parseTokens(text: string, trustDomain: string): KnownToken[] {
  return text.split("\n").flatMap((line, i) => {
    const bare = line.replace(/#.*/, "").trim();
    if (bare === "") return [];
    const match = /^([0-9a-f]{64})\s+(\S+)$/.exec(bare);
    if (!match) {
      throw new InputError(
        `line ${
          i + 1
        }: expected the SHA-256 of a token as 64 lower-case hexadecimal digits, and an identity, ` +
          `as \`decorum token\` writes it`,
      );
    }
    return [{ sha256: match[1]!, identity: spiffeName(match[2]!, trustDomain) }];
  });
}

/** An identity that may be written without its trust domain, in full. */
export function spiffeName(name: string, trustDomain: string): string {
  return name === "*" || name.startsWith("spiffe://") ? name : `spiffe://${trustDomain}/${name}`;
}

/** How the file is looked at. */
interface TokenFileOptions extends ReloadHost {
  /** Milliseconds between two looks; default 5000. */
  readonly everyMs?: number;
}

/** The tokens of a file, which is read again when it changes. @throws Error naming file and line */
export function tokensFile(
  file: string,
  trustDomain: string,
  options: TokenFileOptions,
): TokenSource {
  const tokens = new ReloadedFiles({
    ...options,
    kind: "tokens",
    files: [file],
    parse([bytes]) {
      try {
        return parseTokens(bytes!.toString("utf8"), trustDomain);
      } catch (cause) {
        throw new InputError(`Cannot use the tokens of ${file}: ${(cause as Error).message}`, {
          cause,
        });
      }
    },
  });
  return () => tokens.value;
}

/** A client's own token, read from a file that may change. @throws Error when it is empty or cannot be read */
export function tokenFile(file: string, options: TokenFileOptions = {}): () => string {
  const token = new ReloadedFiles({
    ...options,
    kind: "tokens",
    files: [file],
    parse([bytes]) {
      const text = bytes!.toString("utf8").trim();
      if (/^[\x21-\x7e]+$/.test(text)) return text;
      throw new InputError(`Cannot use the token of ${file}: expected one line of visible ASCII`);
    },
  });
  return () => token.value;
}

/** The token in an `authorization` header: of the Bearer scheme, or the password of the Basic scheme. */
function tokenOf(header: string | undefined): string | undefined {
  const [, scheme, value] = /^(Bearer|Basic) +(\S+) *$/i.exec(header ?? "") ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  const pair = Buffer.from(value, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  if (colon < 0) return undefined;
  // http://TOKEN@host sends it as the user's name.
  return pair.slice(colon + 1) || pair.slice(0, colon) || undefined;
}

/** Whom a token proves; undefined: it is not known. Takes as long for every token. */
function holderOf(token: string, tokens: readonly KnownToken[]): string | undefined {
  const given = Buffer.from(tokenHash(token), "hex");
  let found: string | undefined;
  for (const { sha256, identity } of tokens) {
    const kept = Buffer.from(sha256, "hex");
    if (kept.length === given.length && timingSafeEqual(kept, given)) found = identity;
  }
  return found;
}
