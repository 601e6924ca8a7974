import { Command } from "commander";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { tokenHash } from "@decorum/rpc";
import { loadSections } from "@decorum/settings";
import {
  clientSettings,
  type ConnectionFlags,
  connectionFlags,
  readConnection,
} from "../connection.ts";
import { addFlags } from "../flags.ts";
import { withSupervisor } from "../local_services.ts";
import { prefixed } from "../prefix.ts";
import { serviceProgram } from "../services.ts";

interface UiFlags {
  readonly config?: string;
  readonly set?: readonly string[];
  readonly runs?: string;
  readonly listen?: string;
  readonly address?: string;
  readonly name?: readonly string[];
  readonly tokens?: string;
}

/** `decorum ui`: the page of runs, until Ctrl-C, in a process that may read the runs and nothing else. */
export function uiCommand(): Command {
  const command = new Command("ui")
    .description(
      "serve a page of runs: curves, samples, evaluations, events, and what can be asked of them",
    )
    .option("-c, --config <file>", "YAML file with a section ui")
    .option("--runs <folder>", "folder of runs to read (default runs)")
    .option(
      "--address <host:port>",
      "trainer that is asked to pause, resume, checkpoint and stop; without --runs its runs are shown",
    )
    .option(
      "--listen <host:port>",
      "address of the page (default 127.0.0.1:8080; port 0 takes a free one)",
    )
    .option(
      "--name <host...>",
      "names under which the page is reached, beside localhost and IP addresses",
    )
    .option(
      "--tokens <file>",
      "who may change runs, as `decorum token` writes it (default: one new token, shown here)",
    )
    .option("--set <path=value...>", "settings that win over the file");
  return addFlags(command, connectionFlags).action(async (given: UiFlags) => {
    const connection = readConnection({ ...given });
    using access = given.tokens === undefined ? newToken() : undefined;
    const settings = {
      ...(given.config === undefined ? {} : { config: given.config }),
      set: [...settingsOf(given, connection, access), ...given.set ?? []],
    };
    const sources = { file: given.config, env: process.env, set: settings.set };
    const scheme = loadSections(["ui"], sources).ui.tls === null ? "http" : "https";
    await withSupervisor(prefixed(process.stderr), async (supervisor) => {
      await supervisor.start(serviceProgram("ui", settings));
      tell(`${scheme}://${supervisor.address("ui")}`, access?.token);
      await new Promise<never>(() => {});
    });
  });
}

function settingsOf(
  { runs, listen, address, name, tokens }: UiFlags,
  connection: ConnectionFlags,
  access: { readonly file: string } | undefined,
): string[] {
  const file = access?.file ?? (tokens === undefined ? undefined : resolve(tokens));
  const own: Readonly<Record<string, unknown>> = {
    listen,
    trainer: address,
    names: name,
    tokens: file,
    runs: runs === undefined ? address === undefined ? undefined : null : resolve(runs),
  };
  return [
    ...Object.entries(own).flatMap(([key, value]) =>
      value === undefined ? [] : [`ui.${key}=${JSON.stringify(value)}`]
    ),
    ...clientSettings(connection, "ui"),
  ];
}

/** A token of an operator for as long as this command runs; the page's process sees its SHA-256 alone. */
function newToken(): Disposable & { readonly token: string; readonly file: string } {
  const token = randomBytes(32).toString("base64url");
  const folder = mkdtempSync(join(tmpdir(), "decorum-ui-"));
  const file = join(folder, "tokens");
  writeFileSync(file, `${tokenHash(token)}  operator\n`, { mode: 0o600 });
  return { token, file, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The token is shown on a terminal alone, never in a file or a pipe that may be a log. */
function tell(url: string, token: string | undefined): void {
  console.log(`page of runs: ${url}`);
  if (token === undefined) return;
  process.stderr.write(
    process.stderr.isTTY
      ? `with the right to change runs: ${url}/#token=${token}\n`
      : "The token that changes runs is shown on a terminal only: name a file with --tokens\n",
  );
}
