import { Command } from "commander";
import { holders, identityOf } from "../certificates/files.ts";
import { addFlags, flag, names, positiveCount, Problems, readFlags, text } from "../flags.ts";
import { trustDomain } from "../connection.ts";

const flags = {
  out: flag("--out <folder>", "write the files here; an authority that is there signs them", text),
  hosts: flag(
    "--hosts <names>",
    "more DNS names and IP addresses of the services, with commas between them",
    names.optional(),
  ),
  trustDomain: flag(
    "--trust-domain <name>",
    "what the identities begin with: spiffe://<name>/trainer",
    trustDomain,
  ),
  days: flag("--days <n>", "days until they end", positiveCount.default(365)),
} as const;

/** `decorum certs`: certificates for development, one for each service, one for people, one for other systems. */
export function certsCommand(): Command {
  const command = new Command("certs")
    .description("Make an authority and a certificate for every service, for development.")
    .addHelpText(
      "after",
      "\nUse them with --tls <folder> of up, train, resume, evaluate and score; SECURITY.md has more.",
    );
  return addFlags(command, flags).action(async (given) => {
    const problems = new Problems();
    const { out, hosts, trustDomain, days } = readFlags(flags, given, problems);
    problems.throwIfAny();
    // Loaded when it is needed: the library is large.
    const { writeCertificates } = await import("../certificates/folder.ts");
    const { newAuthority } = await writeCertificates({
      folder: out!,
      trustDomain: trustDomain!,
      hosts: hosts ?? [],
      days: days!,
      now: new Date(),
    });
    if (newAuthority) console.log(`${out}/ca.pem  a new authority`);
    for (const holder of holders) {
      console.log(`${out}/${holder}.pem  ${identityOf(holder, trustDomain!)}`);
    }
  });
}
