import process from "node:process";
import { type Resolved, resolveFile, resolveModel, type SnapshotOptions } from "@decorum/hub";
import {
  ConfigError,
  type Named,
  namedIn,
  readSettings,
  sectionsOf,
  type ServiceName,
} from "@decorum/settings";
import { type Progress, startProgress } from "./progress.ts";

/** A model, or a file with data, that may have to come from the hub first. */
type NamedSource = Named<"model" | "onnx" | "data">;
export type Source = Pick<NamedSource, "value" | "kind">;

/**
 * The models and data that a configuration names, of all services or of one; the services themselves check the rest
 * of it.
 *
 * @throws ConfigError for a file that cannot be read
 */
export function namedSources(
  { config, set, service }: {
    readonly config: string;
    readonly set: readonly string[];
    readonly service?: ServiceName | undefined;
  },
): NamedSource[] {
  const { values, problems } = readSettings({ file: config, env: process.env, set });
  if (problems.length > 0) throw new ConfigError(problems);
  const own = service === undefined
    ? values
    : Object.fromEntries(sectionsOf[service].map((name) => [name, values[name]]));
  return namedIn(own, "model", "onnx", "data");
}

/** Where a model or a file lies, brought from the hub where it is not here. @throws as {@link downloadAll} */
export function resolveSource(
  { value, kind }: Source,
  options: SnapshotOptions = {},
): Promise<Resolved> {
  return kind === "data" ? resolveFile(value, options) : resolveModel(value, { ...options, kind });
}

/**
 * Brings models and data to this machine, with a bar for each download. What is here already costs a look.
 *
 * @returns where each lies, by its name
 * @throws HubError, UnreachableError or Error: see `@decorum/hub`
 */
export async function downloadAll(sources: readonly Source[]): Promise<Map<string, Resolved>> {
  const found = new Map<string, Resolved>();
  for (const source of sources) {
    if (!found.has(source.value)) found.set(source.value, await downloadOne(source));
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
  const pins = sources.flatMap(({ name, value }) => {
    const { pinned } = found.get(value)!;
    return pinned === value ? [] : [`${name}=${pinned}`];
  });
  return { ...settings, set: [...settings.set, ...pins] };
}

const MB = 1e6;

async function downloadOne(source: Source): Promise<Resolved> {
  let bar: Progress | undefined;
  let shown = -1;
  try {
    return await resolveSource(source, {
      onProgress({ path, done, total }) {
        bar ??= startProgress(source.value, Math.ceil(total / MB), Math.floor(done / MB));
        const megabytes = Math.ceil(done / MB);
        if (megabytes !== shown) bar.update(shown = megabytes, `MB  ${path}`);
      },
      onWarning: (message) => console.error(message),
    });
  } finally {
    bar?.stop();
  }
}
