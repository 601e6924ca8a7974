import { Command } from "commander";
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { tokenHash } from "@decorum/rpc";

/** `decorum token`: a token for a caller without a certificate. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("make a token for a caller without a certificate, and print it")
    .argument("<identity>", "whom it proves, as client/dashboard")
    .requiredOption("--tokens <file>", "the services' file of tokens: its SHA-256 is added there")
    .addHelpText(
      "after",
      "\nServices whose setting `tokens` names the file know the token within seconds; a line that is taken out\n" +
        "is forgotten as fast. The token itself is kept nowhere.",
    )
    .action((identity: string, { tokens }: { tokens: string }, command: Command) => {
      if (!/^[A-Za-z0-9._/:-]+$/.test(identity)) {
        command.error(
          `error: the identity is ${
            JSON.stringify(identity)
          }: expected a name such as client/dashboard`,
        );
      }
      const token = randomBytes(32).toString("base64url");
      appendFileSync(tokens, `${tokenHash(token)}  ${identity}\n`, { mode: 0o600 });
      console.log(token);
    });
}
