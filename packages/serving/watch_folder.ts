import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a folder holds, told by names, sizes and times of its files; undefined where it cannot be read. */
function fingerprint(folder: string): string | undefined {
  try {
    const real = realpathSync(folder);
    const files = readdirSync(real).sort().map((name) => {
      // A file may be a link itself, as in the hub's cache and in volumes of Kubernetes.
      const { size, mtimeMs, ino } = statSync(join(real, name));
      return [name, size, mtimeMs, ino];
    });
    return JSON.stringify([real, files]);
  } catch {
    return undefined;
  }
}

export interface WatchOptions {
  /** Milliseconds between two looks. */
  readonly intervalMs: number;
  /** Called when the folder has changed and was the same in two looks; not again while it runs. */
  readonly onChange: () => Promise<void>;
}

/**
 * Looks at a folder again and again: what tells of changes in a file system does not do so over the network, nor
 * where a link moves. What is there at the first look counts as known.
 *
 * @returns ends the watch
 */
export function watchFolder(folder: string, { intervalMs, onChange }: WatchOptions): () => void {
  let known = fingerprint(folder);
  let last = known;
  let busy = false;
  const look = async (): Promise<void> => {
    const now = fingerprint(folder);
    const settled = now === last;
    last = now;
    if (busy || !settled || now === undefined || now === known) return;
    known = now;
    busy = true;
    try {
      await onChange();
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void look(), intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
