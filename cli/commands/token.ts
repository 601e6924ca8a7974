import { Command } from "commander";
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { tokenHash } from "@decorum/rpc";

/** `decorum token`: a token for a caller without a certificate. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("Make a token for a caller without a certificate, and print it.")
    .argument("<identity>", "who sends it, as client/dashboard")
    .requiredOption(
      "--tokens <file>",
      "add the token's SHA-256 to this file, which the services read",
    )
    .addHelpText(
      "after",
      "\nServices whose setting `tokens` names the file know the token within seconds. A line that is removed from\n" +
        "the file ends its token as fast. The token itself is stored nowhere.",
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
