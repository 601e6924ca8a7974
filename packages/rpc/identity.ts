import type { Metadata } from "@grpc/grpc-js";
import { createHash, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

/** Who calls. */
export interface Identity {
  /** The SPIFFE id, the token's name, or "anonymous". */
  readonly name: string;
  /** How it was proved. */
  readonly by: "certificate" | "token" | "nothing";
}

export const anonymous: Identity = { name: "anonymous", by: "nothing" };

/** The part of a certificate that names its holder, as Node shows it. */
export interface CertificateNames {
  readonly subjectaltname?: string;
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

/** SHA-256 of a token in hexadecimal: what a server keeps of it. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/**
 * Who makes a call: the holder of its certificate, else the holder of its bearer token, else nobody.
 * `tokens` holds the hash of each holder's token.
 */
export function identify(
  certificate: CertificateNames | undefined,
  metadata: Pick<Metadata, "get">,
  tokens: Readonly<Record<string, string>>,
): Identity {
  const id = spiffeId(certificate);
  if (id !== undefined) return { name: id, by: "certificate" };
  const [header] = metadata.get("authorization");
  const token = typeof header === "string" ? /^Bearer (.+)$/i.exec(header)?.[1] : undefined;
  if (token === undefined) return anonymous;
  const given = Buffer.from(tokenHash(token), "hex");
  let found = anonymous;
  for (const [name, hash] of Object.entries(tokens)) {
    const kept = Buffer.from(hash, "hex");
    if (kept.length === given.length && timingSafeEqual(kept, given)) found = { name, by: "token" };
  }
  return found;
}
