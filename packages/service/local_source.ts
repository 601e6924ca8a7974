import { type Resolved, resolveFile, resolveModel, type SnapshotOptions } from "@decorum/hub";
import type { Logger } from "@decorum/telemetry";
import { checkAllowed } from "./allowed_folders.ts";
import type { ListenConfig } from "@decorum/settings";

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
