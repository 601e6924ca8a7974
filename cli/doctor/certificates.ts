import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { spiffeId } from "@decorum/rpc";
import { fail, type Finding, ok, warn } from "./finding.ts";

const DAY_MS = 86_400_000;
/** Days before the end at which a renewal should have happened. */
const SOON_DAYS = 14;

/** PEM files of a service, as its configuration names them. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** All certificates of a PEM file, the first one first. @throws Error when there is none */
function chainOf(file: string): X509Certificate[] {
  const blocks = readFileSync(file, "utf8")
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error(`${file} holds no certificate in PEM`);
  return blocks.map((block) => new X509Certificate(block));
}

/** Whether a chain leads to one of the authorities. */
function leadsTo(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  const seen = new Set<string>();
  let at = chain[0]!;
  for (;;) {
    const signs = (one: X509Certificate) => at.checkIssued(one) && at.verify(one.publicKey);
    if (authorities.some(signs)) return true;
    seen.add(at.fingerprint256);
    const next = chain.find((one) => !seen.has(one.fingerprint256) && signs(one));
    if (!next) return false;
    at = next;
  }
}

/**
 * Certificate, key and authorities of a service: that they can be read and fit each other, whose they are, and how
 * long they hold.
 *
 * @param identity SPIFFE id that the certificate is to have
 */
export function certificates(
  check: string,
  files: CertificateFiles,
  identity: string,
  now: Date,
): Finding[] {
  const read = <T>(file: string, parse: () => T): T | Finding => {
    try {
      return parse();
    } catch (error) {
      return fail(
        check,
        `${file}: ${(error as Error).message}`,
        "name files in PEM that this process may read",
      );
    }
  };
  const chain = read(files.cert, () => chainOf(files.cert));
  const key = read(files.key, () => createPrivateKey(readFileSync(files.key)));
  const authorities = read(files.ca, () => chainOf(files.ca));
  const unread = [chain, key, authorities].filter((one): one is Finding => "status" in one);
  if ("status" in chain || "status" in key || "status" in authorities) return unread;

  const [own] = chain;
  const problems: Finding[] = [];
  if (!own!.checkPrivateKey(key)) {
    problems.push(
      fail(check, `${files.key} is not the key of ${files.cert}`, "take both from the same Secret"),
    );
  }
  if (!leadsTo(chain, authorities)) {
    problems.push(
      fail(
        check,
        `no authority of ${files.ca} has signed ${files.cert}, whose issuer is ${
          own!.issuer.replaceAll("\n", ", ")
        }`,
        "use one authority for all services, and put intermediate ones into the certificate's file",
      ),
    );
  }
  const found = spiffeId({
    ...(own!.subjectAltName === undefined ? {} : { subjectaltname: own!.subjectAltName }),
  });
  if (found !== identity) {
    problems.push(
      fail(
        check,
        `${files.cert} belongs to ${found ?? "nobody (it has no SPIFFE id)"}`,
        `give it the URI ${identity}, or change trust_domain`,
      ),
    );
  }
  const [from, to] = [new Date(own!.validFrom), new Date(own!.validTo)];
  const days = Math.floor((to.getTime() - now.getTime()) / DAY_MS);
  const until = to.toISOString().slice(0, 10);
  if (now < from) {
    problems.push(
      fail(
        check,
        `${files.cert} holds from ${from.toISOString()}`,
        "set the clock, here or where it was made",
      ),
    );
  } else if (now > to) {
    problems.push(fail(check, `${files.cert} has ended on ${until}`, "renew it"));
  } else if (days < SOON_DAYS) {
    problems.push(
      warn(
        check,
        `${files.cert} ends on ${until}, in ${days} days`,
        "renew it: new files are read without a restart",
      ),
    );
  }
  return problems.length > 0 ? problems : [ok(check, `${identity}, until ${until}`)];
}
