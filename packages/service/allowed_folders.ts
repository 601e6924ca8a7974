import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { ConfigError } from "@decorum/settings";
import { hubSettings } from "@decorum/hub";

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
