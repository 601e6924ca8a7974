import { InputError } from "@decorum/tensor";
import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/**
 * The path of a file of a model folder, once it is certain that it lies there: symbolic links may not lead out
 * of the folder. Those of the Hugging Face cache lead from `snapshots/<commit>` to `blobs` of the same model.
 *
 * @throws Error when there is no such file, or it lies elsewhere
 */
export function insideFolder(folder: string, name: string): string {
  const path = join(folder, name);
  const real = realpathSync(path);
  const home = realpathSync(folder);
  const homes = [home];
  if (dirname(home).endsWith(`${sep}snapshots`)) homes.push(join(dirname(dirname(home)), "blobs"));
  if (homes.some((one) => real.startsWith(one + sep))) return path;
  throw new InputError(
    `Cannot use ${path}: it is a link to ${real}, expected a file of the folder itself; ` +
      "copy it there, or name the folder in which it lies",
  );
}
