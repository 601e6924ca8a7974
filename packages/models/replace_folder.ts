import { InputError } from "@decorum/tensor";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Writes a folder that readers never see in part: `write` fills a temporary folder beside it, which is then
 * renamed. A folder of that name is moved aside first and removed last, so for a moment there is none; a
 * process that is killed in that moment leaves it as `<folder>.<id>.old`.
 *
 * @param marker the file that says a folder is of this kind: only such a one, or an empty one, is replaced
 * @throws Error when `folder` holds other files; whatever `write` throws, and the folder is as it was
 */
export function replaceFolder(
  folder: string,
  marker: string,
  write: (temporary: string) => void,
): void {
  const target = resolve(folder);
  checkReplaceable(target, marker);
  const temporary = `${target}.${randomUUID()}.tmp`;
  mkdirSync(temporary, { recursive: true });
  try {
    write(temporary);
    rename(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

function checkReplaceable(target: string, marker: string): void {
  if (!existsSync(target)) {
    mkdirSync(dirname(target), { recursive: true });
    return;
  }
  const names = readdirSync(target).sort();
  if (names.length === 0 || names.includes(marker)) return;
  throw new InputError(
    `Cannot write to folder ${target}: it holds ${names.length} other files (first: "${
      names[0]
    }") and no ${marker}, so it is none of this kind; name a new or an empty folder`,
  );
}

function rename(from: string, to: string): void {
  if (!existsSync(to)) return renameSync(from, to);
  const old = `${to}.${randomUUID()}.old`;
  renameSync(to, old);
  try {
    renameSync(from, to);
  } catch (error) {
    renameSync(old, to);
    throw error;
  }
  rmSync(old, { recursive: true });
}
