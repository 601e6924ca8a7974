import { type Resolved, resolveFile, resolveModel } from "@decorum/hub";
import { type Progress, startProgress } from "./progress.ts";
import { type NamedSource, namedSources } from "./named_sources.ts";

/**
 * Brings what settings name to this machine, with a bar for each download. What is here already costs a look.
 *
 * @throws HubError, UnreachableError or Error: see `@decorum/hub`
 */
export async function downloadAll(
  sources: readonly Pick<NamedSource, "name" | "kind">[],
): Promise<Map<string, Resolved>> {
  const found = new Map<string, Resolved>();
  for (const { name, kind } of sources) {
    if (!found.has(name)) found.set(name, await downloadOne(name, kind));
  }
  return found;
}

/**
 * Downloads what the services of a configuration will need, where somebody sees how far it is, and pins it: all
 * of them get the same commit, and find it here.
 *
 * @returns the settings, the pins among them
 * @throws as {@link downloadAll}, naming the setting
 */
export async function pinnedSettings<S extends { config: string; set: readonly string[] }>(
  settings: S,
): Promise<S> {
  const sources = namedSources(settings);
  const found = await downloadAll(sources);
  const pins = sources.flatMap(({ setting, name }) => {
    const { pinned } = found.get(name)!;
    return pinned === name ? [] : [`${setting}=${pinned}`];
  });
  return { ...settings, set: [...settings.set, ...pins] };
}

const MB = 1e6;

async function downloadOne(name: string, kind: NamedSource["kind"]): Promise<Resolved> {
  let bar: Progress | undefined;
  let shown = -1;
  const options = {
    onProgress({ path, done, total }: { path: string; done: number; total: number }) {
      bar ??= startProgress(name, Math.ceil(total / MB), Math.floor(done / MB));
      const megabytes = Math.ceil(done / MB);
      if (megabytes !== shown) bar.update(shown = megabytes, `MB  ${path}`);
    },
    onWarning: (message: string) => console.error(message),
  };
  try {
    return kind === "file"
      ? await resolveFile(name, options)
      : await resolveModel(name, { ...options, kind });
  } finally {
    bar?.stop();
  }
}
