import { Command } from "commander";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { tokenHash } from "@decorum/rpc";
import { loadSections } from "@decorum/settings";
import {
  clientSettings,
  type ConnectionFlags,
  connectionFlags,
  readConnection,
} from "../connection.ts";
import { addFlags } from "../flags.ts";
import { prefixed } from "../prefix.ts";
import { serviceProgram, withSupervisor } from "../services.ts";
import { addSettingsFlags, chosenSettings, type SettingsFlags } from "../settings_flags.ts";

/** The page's process works here: paths in settings are seen from it. */
const root = fileURLToPath(new URL("../..", import.meta.url));

interface UiFlags extends SettingsFlags {
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
      "Serve a page of runs until Ctrl-C: curves, samples, evaluations and events, while they train and after.",
    )
    .option("--runs <folder>", "show the runs of this folder (default: runs)")
    .option(
      "--address <host:port>",
      "pause, resume, checkpoint and stop runs of this trainer; without --runs, show its runs too",
    )
    .option(
      "--listen <host:port>",
      "serve the page here (default: 127.0.0.1:8080; port 0 takes a free one)",
    )
    .option("--name <host...>", "allow these names of the page, besides localhost and IP addresses")
    .option(
      "--tokens <file>",
      "take the tokens in this file, which `decorum token` writes (default: one new token, shown here)",
    );
  addSettingsFlags(command, "the configuration with a section `ui` (YAML)");
  return addFlags(command, connectionFlags).action(async (given: UiFlags) => {
    const { config, set } = chosenSettings(given);
    using access = given.tokens === undefined ? newToken() : undefined;
    const flags = settingsOf(given, readConnection({ ...given }), access);
    const settings = { ...(config === undefined ? {} : { config }), set: [...flags, ...set] };
    const { ui } = loadSections(["ui"], { file: config, env: process.env, set: settings.set });
    const folder = ui.runs === null ? undefined : resolve(root, ui.runs);
    if (folder !== undefined && !existsSync(folder)) {
      console.error(`There is no folder ${folder}: the page has no runs until a trainer makes it`);
    }
    await withSupervisor(prefixed(process.stderr), async (supervisor) => {
      await supervisor.start(serviceProgram("ui", settings));
      const scheme = ui.tls === null ? "http" : "https";
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
