import {
  hubSettings,
  type Resolved,
  resolveFile,
  resolveModel,
  type SnapshotOptions,
} from "@decorum/hub";
import { ConfigError, type ListenConfig } from "@decorum/settings";
import type { Logger } from "@decorum/telemetry";
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

/**
 * Checks that what a setting names lies in one of the folders that may be read, the hub's cache among them, and
 * that no symbolic link in it leads out of them. Whether a path outside exists is not told.
 *
 * @param allowed null: anywhere
 * @throws ConfigError naming the setting
 */
export function checkAllowed(
  setting: string,
  path: string,
  allowed: readonly string[] | null,
): void {
  if (allowed === null) return;
  const homes = [...allowed, hubSettings().cacheDir].map((folder) =>
    mayBeRead(folder) ?? resolve(folder)
  );
  const inside = (real: string) =>
    homes.some((home) => real === home || real.startsWith(home.endsWith(sep) ? home : home + sep));
  const refuse = (what: string) => {
    throw new ConfigError([
      `${JSON.stringify(setting)} ${what}: expected something in ${
        allowed.join(" or ")
      }, or of the hub ` +
      "(allowed_folders)",
    ]);
  };
  const real = mayBeRead(path);
  if (real === undefined || !inside(real)) return refuse("lies outside what this service may read");
  if (!statSync(real, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const name of readdirSync(real, { recursive: true, encoding: "utf8" })) {
    const entry = join(real, name);
    if (!inside(realPath(entry))) refuse(`holds ${name}, which leads out of it`);
  }
}

/** Where a path leads; undefined where the process may not even look. */
function mayBeRead(path: string): string | undefined {
  try {
    return realPath(resolve(path));
  } catch {
    return undefined;
  }
}

/** The path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(realPath(parent), path.slice(parent.length));
}

/** Milliseconds between two lines about a download. */
const SAY_EVERY_MS = 5000;

/**
 * The folder or file that a setting names, on this machine: what comes from the hub is downloaded first, and
 * the log says how far that is.
 *
 * @param kind `onnx`: a classifier's folder that Transformers.js runs; `file`: data
 * @throws ConfigError when it lies outside of `allowed_folders`; else as `resolveModel` and `resolveFile`
 */
export async function localSource(
  setting: string,
  { allowed_folders: allowed }: Pick<ListenConfig, "allowed_folders">,
  logger: Logger,
  kind: "model" | "onnx" | "file" = "model",
): Promise<Resolved> {
  let said = Date.now();
  const options: SnapshotOptions = {
    onProgress({ path, done, total }) {
      if (Date.now() - said < SAY_EVERY_MS && done < total) return;
      said = Date.now();
      const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
      const progress = { done_mb: megabytes(done), total_mb: megabytes(total) };
      logger.info("downloading", { source: setting, file: path, ...progress });
    },
    onWarning: (message) => logger.warn(message),
  };
  const found = kind === "file"
    ? await resolveFile(setting, options)
    : await resolveModel(setting, { ...options, kind });
  checkAllowed(setting, found.path, allowed);
  if (found.pinned !== setting) {
    logger.info("from the hub", { source: setting, pinned: found.pinned, folder: found.path });
  }
  return found;
}
