import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** A certificate and its private key, both PEM. */
export interface KeyedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** When certificates hold. */
export interface Validity {
  readonly from: Date;
  readonly days: number;
}

/** A certificate authority (ECDSA P-256) that signs nothing but certificates of services and callers. */
export async function createAuthority(
  name: string,
  validity: Validity,
): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    serialNumber: serialNumber(),
    signingAlgorithm: ALGORITHM,
    ...bounds(validity),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pemOf(certificate), key: await exportKey(keys.privateKey) };
}

/**
 * A certificate for servers and clients alike.
 *
 * @param names DNS names, IP addresses and URIs ("spiffe://decorum/trainer")
 * @throws Error when the authority's PEM cannot be read
 */
export async function issueCertificate(
  authority: KeyedCertificate,
  subject: string,
  names: readonly string[],
  validity: Validity,
): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${subject}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    serialNumber: serialNumber(),
    signingAlgorithm: ALGORITHM,
    ...bounds(validity),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(names.map(generalName)),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pemOf(certificate), key: await exportKey(keys.privateKey) };
}

function generalName(value: string): x509.JsonGeneralName {
  if (value.includes("://")) return { type: "url", value };
  return { type: isIP(value) ? "ip" : "dns", value };
}

/** Positive and at most 20 bytes, as RFC 5280 asks. */
function serialNumber(): string {
  return Buffer.concat([Buffer.from([1]), randomBytes(15)]).toString("hex");
}

function bounds({ from, days }: Validity) {
  // Clocks differ a little.
  return {
    notBefore: new Date(from.getTime() - 5 * 60_000),
    notAfter: new Date(from.getTime() + days * DAY_MS),
  };
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag) + "\n";
}

async function importKey(pem: string): Promise<CryptoKey> {
  const der = x509.PemConverter.decodeFirst(pem);
  return await crypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}

function pemOf(certificate: x509.X509Certificate): string {
  return certificate.toString("pem") + "\n";
}
