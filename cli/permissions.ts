import { existsSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  ConfigError,
  type Kind,
  loadSections,
  namedIn,
  type ProcessName,
  sectionsOf,
  type ServiceConfigs,
  type ServiceName,
} from "@decorum/settings";
import { hubSettings, parseModelRepo } from "@decorum/hub";
import { defaultCacheDir } from "@decorum/models";

/** What a service's process may do; all else Deno refuses. Native code is outside of it: SECURITY.md. */
export interface Permissions {
  /** "host:port", "host", or "address/bits:port". */
  readonly net: readonly string[];
  /** Folders and files; null: all. */
  readonly read: readonly string[] | null;
  readonly write: readonly string[];
  /** Folders of native libraries that may be loaded. */
  readonly ffi: readonly string[];
  /** Programs that may be started. */
  readonly run: readonly string[];
}

/** Where a service's settings come from, as the service itself reads them. */
export interface SettingsSources {
  readonly config?: string | undefined;
  readonly set?: readonly string[];
}

const root = fileURLToPath(new URL("..", import.meta.url));
/** A path as a service reads it, whose working folder is the root. */
const at = (path: string) => resolve(root, path);
const inRoot = (...names: string[]) => names.map((name) => join(root, name));

/** Parts of Linux that every service looks at: its memory, and where native libraries are searched. */
const SYSTEM_FILES = [
  "/proc/self/status",
  "/proc/self/exe",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
];

/**
 * What a service needs with these settings.
 *
 * @throws ConfigError as the service itself would
 */
export function servicePermissions(name: ProcessName, sources: SettingsSources): Permissions {
  const { config: file, set = [] } = sources;
  if (name === "ui") return uiPermissions(file, set);
  const sections = loadSections(sectionsOf[name], { file, env: process.env, set });
  const config = sections[name] as ServiceConfigs[ServiceName];
  const named = (...kinds: Kind[]) => namedIn(sections, ...kinds).map(({ value }) => value);

  const models = named("model", "onnx", "data");
  const local = models.filter((one) => !isHub(one));
  const hub = local.length < models.length ? hubAccess() : { net: [], folders: [] };
  const allowed = config.allowed_folders === null
    ? []
    : [...config.allowed_folders, hubSettings().cacheDir];
  // A reward of the user's own; the trainer hashes what it imports from beside it too.
  const modules = namedIn(sections, "readable").filter(({ name }) => name.endsWith(".module"));
  // A process that may write to a folder alone cannot make the folder itself.
  const cache = dirname(defaultCacheDir());
  mkdirSync(cache, { recursive: true });
  const write = unique([cache, ...hub.folders, ...named("folder").map(at)]);
  const read = [
    ...inRoot("node_modules", "packages", "services", "protos"),
    ...SYSTEM_FILES,
    ...write,
    ...[...local, ...allowed].flatMap((path) => both(at(path))),
    ...modules.flatMap(({ value }) => both(name === "trainer" ? dirname(at(value)) : at(value))),
    // The link to a model may be turned to another one beside it.
    ...("reload" in config && config.reload.watch ? both(dirname(at(config.model))) : []),
    // Folders: a Secret's files are links that are turned to new ones.
    ...named("certificate", "secret").map((file) => dirname(at(file))),
    ...(file === undefined ? [] : [at(file)]),
  ];
  const cuda = config.provider === "cuda";
  // StartRun may name other models and data, wherever allowed_folders lets it.
  const anywhere = name === "trainer" && config.allowed_folders === null;
  return {
    net: unique([
      ...named("listen"),
      ...[...named("service"), ...named("server", "url").map(addressOf)].flatMap(callable),
      ...hub.net,
    ]),
    // CUDA's libraries are searched in all folders of the dynamic linker.
    read: cuda || anywhere ? null : unique(read),
    write,
    ffi: nativeFolders(),
    // A reward of the user's own runs in a process of its own, with permissions of its own.
    run: [...(cuda ? ["nvidia-smi"] : []), ...(ownCode(config) ? [process.execPath] : [])],
  };
}

function ownCode(config: object): boolean {
  const { rewards } = config as { readonly rewards?: readonly { readonly kind: string }[] | null };
  return rewards?.some(({ kind }) => kind === "code") ?? false;
}

/** The page reads runs, its own scripts and its certificates; it writes nothing, and nothing of it is native. */
function uiPermissions(file: string | undefined, set: readonly string[]): Permissions {
  const sections = loadSections(["ui"], { file, env: process.env, set });
  const named = (...kinds: Kind[]) => namedIn(sections, ...kinds).map(({ value }) => value);
  return {
    net: unique([...named("listen"), ...named("service").flatMap(callable)]),
    read: unique([
      ...inRoot("node_modules", "packages", "services", "protos"),
      ...named("readable").flatMap((path) => both(at(path))),
      ...named("certificate", "secret").map((path) => dirname(at(path))),
      ...(file === undefined ? [] : [at(file)]),
    ]),
    write: [],
    ffi: [],
    run: [],
  };
}

/** A path, and where it leads. */
function both(path: string): string[] {
  return existsSync(path) ? [path, realpathSync(path)] : [path];
}

function isHub(setting: string): boolean {
  return setting.startsWith("hf://") || parseModelRepo(setting) !== undefined;
}

/** The hub answers with addresses of storage below these names. */
function hubAccess(): { net: string[]; folders: string[] } {
  const { endpoint, cacheDir } = hubSettings();
  const host = urlAddress(endpoint);
  const own = endpoint === "https://huggingface.co";
  return {
    net: [host, ...own ? ["*.huggingface.co:443", "*.hf.co:443"] : []],
    folders: [cacheDir],
  };
}

/** "host:port" of a setting that may be a URL. */
function addressOf(setting: string): string {
  return setting.includes("://") ? urlAddress(setting) : setting;
}

function urlAddress(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/** Networks that are never the internet's: where the addresses behind a name of a cluster lie. */
const PRIVATE = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "[::1]"];

/** What calls of "host:port" need: names are looked up first, and the addresses called. */
function callable(address: string): string[] {
  const [, host = "", port = ""] = /^(.+):(\d+)$/.exec(address) ?? [];
  if (/^[\d.]+$/.test(host) || host.startsWith("[")) return [address];
  if (host === "localhost") return ["localhost", `127.0.0.1:${port}`, `[::1]:${port}`];
  return [host, ...PRIVATE.map((network) => `${network}:${port}`)];
}

/** Folders of the packages whose native parts are loaded: onnxruntime, and sharp, which Transformers.js loads. */
function nativeFolders(): string[] {
  const folder = join(root, "node_modules", ".deno");
  return readdirSync(folder).filter((name) => /^(onnxruntime-node@|@img\+sharp)/.test(name))
    .map((name) => join(folder, name));
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/**
 * MiB of each half of V8's space for new objects, by default up to 16: it grows and shrinks with the load, for what
 * is never more than a few messages. A service's work is outside of it.
 */
const SEMI_SPACE_MIB = 2;

/** Flags of `deno run` for a service's process: its permissions, without a question to whoever sits before the terminal. */
export function denoFlags({ net, read, write, ffi, run }: Permissions): string[] {
  const flag = (name: string, values: readonly string[] | null) =>
    values === null
      ? [`--allow-${name}`]
      : values.length === 0
      ? []
      : [`--allow-${name}=${values.join(",")}`];
  return [
    `--v8-flags=--max-semi-space-size=${SEMI_SPACE_MIB}`,
    "--no-prompt",
    ...flag("net", net),
    ...flag("read", read),
    ...flag("write", write),
    ...flag("ffi", ffi),
    ...flag("run", run),
    // Settings come from it, and reading all of it is one permission.
    "--allow-env",
    "--allow-sys=cpus,homedir,hostname,networkInterfaces,osRelease,systemMemoryInfo,uid",
  ];
}

/**
 * Flags with which a service is started; with settings that are wrong it gets no permission, and says what is wrong.
 */
export function serviceFlags(name: ProcessName, sources: SettingsSources): string[] {
  try {
    return denoFlags(servicePermissions(name, sources));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const read = [root, ...sources.config === undefined ? [] : [at(sources.config)]];
    return denoFlags({ net: [], read, write: [], ffi: [], run: [] });
  }
}
