import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, both PEM, for tests. */
interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority made on the spot (ECDSA P-256), good for a day. */
interface TestAuthority {
  readonly cert: string;
  /** A certificate for these names: DNS names, IPv4 addresses and URIs ("spiffe://..."). */
  issue(names: readonly string[]): TestCertificate;
}

/** DER (ITU-T X.690): one tag, its length, its content. */
function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const size: number[] = [];
  for (let n = body.length; n > 0; n >>>= 8) size.unshift(n & 255);
  const length = body.length < 128 ? [body.length] : [128 | size.length, ...size];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const explicit = (n: number, ...parts: Uint8Array[]) => der(0xa0 | n, ...parts);
const integer = (bytes: Uint8Array) => der(0x02, bytes);
const bits = (bytes: Uint8Array) => der(0x03, Buffer.from([0]), bytes);
const octets = (bytes: Uint8Array) => der(0x04, bytes);
const yes = der(0x01, Buffer.from([255]));
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
const commonName = (name: string) =>
  sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
const utcTime = (date: Date) =>
  der(0x17, Buffer.from(date.toISOString().replace(/[-:T]/g, "").slice(2, 14) + "Z"));

/** One name of a subjectAltName (RFC 5280, 4.2.1.6). */
function generalName(name: string): Buffer {
  if (name.includes("://")) return der(0x86, Buffer.from(name));
  if (/^[\d.]+$/.test(name)) return der(0x87, Buffer.from(name.split(".").map(Number)));
  return der(0x82, Buffer.from(name));
}

function certificate(
  subject: string,
  key: KeyObject,
  issuer: string,
  signer: KeyObject,
  extensions: Buffer[],
) {
  const day = 86_400_000;
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName(issuer),
    sequence(utcTime(new Date(Date.now() - day)), utcTime(new Date(Date.now() + day))),
    commonName(subject),
    key.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions)),
  );
  const whole = sequence(body, ecdsaWithSha256, bits(sign("sha256", body, signer)));
  const lines = whole.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

const keyPair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

export function createAuthority(name = "decorum test authority"): TestAuthority {
  const authority = keyPair();
  const constraints = sequence(oid("551d13"), yes, octets(sequence(yes)));
  return {
    cert: certificate(name, authority.publicKey, name, authority.privateKey, [constraints]),
    issue(names) {
      const holder = keyPair();
      const alternatives = sequence(oid("551d11"), octets(sequence(...names.map(generalName))));
      return {
        cert: certificate("holder", holder.publicKey, name, authority.privateKey, [alternatives]),
        key: holder.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

/** Certificates as files of a new folder, which goes when the test ends. */
interface CertificateFiles extends Disposable {
  readonly folder: string;
  readonly authority: TestAuthority;
  tls(name: string): { certFile: string; keyFile: string; caFile: string };
}

/** Writes a certificate with its key for each name, and the files ca.pem and other-ca.pem. */
export function writeCertificates(
  names: Readonly<Record<string, readonly string[]>>,
): CertificateFiles {
  const folder = mkdtempSync(join(tmpdir(), "decorum-tls-"));
  const authority = createAuthority();
  const path = (file: string) => join(folder, file);
  writeFileSync(path("ca.pem"), authority.cert);
  writeFileSync(path("other-ca.pem"), createAuthority("another").cert);
  for (const [name, alternatives] of Object.entries(names)) {
    const { cert, key } = authority.issue(alternatives);
    writeFileSync(path(`${name}.pem`), cert);
    writeFileSync(path(`${name}.key`), key);
  }
  return {
    folder,
    authority,
    tls: (name) => ({
      certFile: path(`${name}.pem`),
      keyFile: path(`${name}.key`),
      caFile: path("ca.pem"),
    }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
