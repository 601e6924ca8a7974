import { existsSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import {
  ConfigError,
  type EvaluatorConfig,
  evaluatorConfig,
  type ListenConfig,
  loadConfig,
  type PolicyConfig,
  policyConfig,
  type RewardConfig,
  rewardConfig,
  type TelemetryConfig,
  telemetryConfig,
  type TrainerConfig,
  trainerConfig,
} from "@decorum/settings";
import { hubSettings, parseModelRepo } from "@decorum/hub";
import { defaultCacheDir } from "@decorum/models";
import type { ServiceName } from "./services.ts";

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
  readonly config?: string;
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

/** What settings name: the models and adapters, and the files with data. */
interface Named {
  readonly models: readonly (string | null | undefined)[];
  readonly files: readonly (string | null | undefined)[];
}

/**
 * What a service needs with these settings.
 *
 * @throws ConfigError as the service itself would
 */
export function servicePermissions(name: ServiceName, sources: SettingsSources): Permissions {
  const load = <S>(section: z.ZodType<S>): S & { telemetry: TelemetryConfig } => {
    const schema = z.object({ [name]: section, telemetry: telemetryConfig });
    const all = loadConfig(schema, {
      ...(sources.config === undefined ? {} : { file: sources.config }),
      env: process.env,
      set: sources.set ?? [],
    });
    return { ...all[name] as S, telemetry: all["telemetry"] as TelemetryConfig };
  };
  const found = sectionPermissions(name, load);
  if (sources.config === undefined || found.read === null) return found;
  return { ...found, read: [...found.read, at(sources.config)] };
}

type Load = <S>(section: z.ZodType<S>) => S & { telemetry: TelemetryConfig };

function sectionPermissions(name: ServiceName, load: Load): Permissions {
  switch (name) {
    case "policy": {
      const config = load<PolicyConfig>(policyConfig);
      return permissionsOf(config, { models: [config.model, config.start_adapter], files: [] });
    }
    case "reward": {
      const config = load<RewardConfig>(rewardConfig);
      const found = permissionsOf(config, { models: [config.model], files: [] }, {
        listen: [config.http_listen],
      });
      if (!config.reload.watch || found.read === null) return found;
      // The link to a model may be turned to another one beside it.
      return { ...found, read: [...found.read, ...both(dirname(at(config.model)))] };
    }
    case "evaluator": {
      const config = load<EvaluatorConfig>(evaluatorConfig);
      const models = [config.toxicity.model, config.judge?.model];
      return permissionsOf(config, { models, files: [] }, {
        calls: config.policy,
        secrets: callFiles(config),
      });
    }
    case "trainer": {
      const config = load<TrainerConfig>(trainerConfig);
      const { data } = config;
      const named = {
        models: [config.model, config.start_adapter],
        files: [data.train, data.eval],
      };
      const found = permissionsOf(config, named, {
        calls: [...config.policy, config.reward, ...config.evaluator ? [config.evaluator] : []],
        secrets: callFiles(config),
        write: [at(config.runs)],
      });
      // StartRun may name other models and data, wherever allowed_folders lets it.
      return config.allowed_folders === null ? { ...found, read: null } : found;
    }
  }
}

interface More {
  readonly listen?: readonly (string | null)[];
  /** Addresses of services that are called. */
  readonly calls?: readonly string[];
  /** Certificates and tokens. */
  readonly secrets?: readonly (string | null)[];
  readonly write?: readonly string[];
}

type Config = ListenConfig & {
  readonly telemetry: TelemetryConfig;
  readonly provider: "cpu" | "cuda";
};

function permissionsOf(config: Config, { models, files }: Named, more: More = {}): Permissions {
  const { listen, health_listen, metrics_listen, telemetry, tls, tokens, allowed_folders } = config;
  const given = <T>(values: readonly (T | null | undefined)[]): T[] =>
    values.filter((value): value is T => value !== null && value !== undefined);
  const named = given([...models, ...files]);
  const local = named.filter((one) => !isHub(one));
  const cuda = config.provider === "cuda";
  const caches = [dirname(defaultCacheDir())];
  // A process that may write to a folder alone cannot make the folder itself.
  mkdirSync(caches[0]!, { recursive: true });
  const hub = local.length < named.length ? hubAccess() : { net: [], folders: [] };
  const allowed = allowed_folders === null ? [] : [...allowed_folders, hubSettings().cacheDir];
  const secrets = given([tls?.cert, tls?.key, tls?.ca, tokens, ...more.secrets ?? []]);
  const write = [...caches, ...hub.folders, ...more.write ?? []];
  const collector = telemetry.otlp_endpoint === null ? [] : [urlAddress(telemetry.otlp_endpoint)];
  return {
    net: unique([
      ...given([listen, health_listen, metrics_listen, ...more.listen ?? []]),
      ...[...more.calls ?? [], ...collector].flatMap(callable),
      ...hub.net,
    ]),
    // CUDA's libraries are searched in all folders of the dynamic linker.
    read: cuda ? null : unique([
      ...inRoot("node_modules", "packages", "services", "protos"),
      ...SYSTEM_FILES,
      ...write,
      ...[...local, ...allowed].flatMap((path) => both(at(path))),
      // Folders: a Secret's files are links that are turned to new ones.
      ...secrets.map((file) => dirname(at(file))),
    ]),
    write: unique(write),
    ffi: nativeFolders(),
    run: cuda ? ["nvidia-smi"] : [],
  };
}

function callFiles(config: {
  readonly client_tls: { ca: string; cert: string | null; key: string | null } | null;
  readonly token_file: string | null;
}): (string | null)[] {
  const { ca = null, cert = null, key = null } = config.client_tls ?? {};
  return [ca, cert, key, config.token_file];
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
export function serviceFlags(name: ServiceName, sources: SettingsSources): string[] {
  try {
    return denoFlags(servicePermissions(name, sources));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const read = [root, ...sources.config === undefined ? [] : [at(sources.config)]];
    return denoFlags({ net: [], read, write: [], ffi: [], run: [] });
  }
}
