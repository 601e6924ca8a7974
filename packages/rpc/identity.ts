import { holderOf, type KnownToken, tokenOf } from "./tokens.ts";

/** Who calls. */
export interface Identity {
  /** The SPIFFE id, or "anonymous". */
  readonly name: string;
  /** How it was proved. */
  readonly by: "certificate" | "token" | "nothing";
}

export const anonymous: Identity = { name: "anonymous", by: "nothing" };

/** The part of a certificate that names its holder, as Node shows it. */
export interface CertificateNames {
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
