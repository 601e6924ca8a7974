import { InputError } from "@decorum/tensor";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { renameExternalLocations } from "./external_locations.ts";
import type { ModelSource } from "./options.ts";

/** What onnxruntime is given: a file or bytes, and the folder external data is searched in. */
export interface PreparedModel {
  readonly model: string | Uint8Array<ArrayBuffer>;
  readonly folder: string | undefined;
}

function commonFolder(files: readonly string[]): string {
  const [first = [], ...rest] = files.map((f) => dirname(f).split(sep));
  const differs = first.findIndex((part, i) => rest.some((other) => other[i] !== part));
  return first.slice(0, differs < 0 ? first.length : differs).join(sep) || sep;
}

function realFile(what: string, location: string, file: string): string {
  try {
    return realpathSync(resolve(file));
  } catch (cause) {
    throw new InputError(
      `${what}: cannot open "${file}", given for external data "${location}"; expected a readable file`,
      { cause },
    );
  }
}

/**
 * Points a model's external data at the files it stands for.
 *
 * onnxruntime (since 1.22) takes only locations that, with symbolic links followed, stay inside one folder:
 * the model's own, or for a model given as bytes the one named by the session configuration entry
 * `session.model_external_initializers_file_folder_path`. So links are followed here, the folder is the
 * deepest one that holds all files, and locations are rewritten relative to it. The graph is small; the
 * weights are mapped where they lie.
 *
 * @param what the attempt, to begin error messages with
 * @throws InputError unless exactly one of bytes and path is given, or for external data with no file; Error
 * for a file that cannot be opened
 */
export function prepareModel(what: string, source: ModelSource): PreparedModel {
  const { bytes, path, externalData } = source;
  if ((bytes === undefined) === (path === undefined)) {
    throw new InputError(`${what}: give the model as either bytes or path`);
  }
  if (path !== undefined && externalData === undefined) {
    return { model: resolve(path), folder: undefined };
  }
  const graph = bytes ?? readFileSync(path ?? "");
  if (externalData === undefined) return { model: new Uint8Array(graph), folder: undefined };

  const real = new Map(
    Object.entries(externalData).map((
      [location, file],
    ) => [location, realFile(what, location, file)]),
  );
  const folder = commonFolder([...real.values()]);
  const rename = (location: string): string => {
    const file = real.get(location);
    if (file === undefined) {
      throw new InputError(
        `${what}: the model has external data "${location}", files are given only for ${
          [...real.keys()].map((l) => `"${l}"`).join(", ") || "none"
        }`,
      );
    }
    return relative(folder, file);
  };
  return {
    model: new Uint8Array(renameExternalLocations(graph, rename)),
    folder: join(folder, sep),
  };
}
