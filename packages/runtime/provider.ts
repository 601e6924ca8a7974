import process from "node:process";
import { InputError, type Precision } from "@decorum/tensor";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { missingLibraries, systemFolders } from "./library_search.ts";
import type { ExecutionProvider } from "./options.ts";

/** A library an execution provider lacks. */
interface ProviderProblem {
  readonly library: string;
  /** The library that asks for it; onnxruntime itself for the provider's own files. */
  readonly neededBy: string;
  /** What to install. */
  readonly remedy: string;
}

/** Whether an execution provider can be loaded here. */
interface ProviderReport {
  readonly provider: ExecutionProvider;
  readonly available: boolean;
  /** Folder onnxruntime loads provider libraries from. */
  readonly folder: string;
  readonly missing: readonly ProviderProblem[];
}

/** Where to look; the defaults are this process's own. */
interface ProbeOptions {
  readonly folder?: string;
  /** Folders to search needed libraries in, in order. */
  readonly searchFolders?: readonly string[];
}

const CUDA_LIBRARIES = [
  "libonnxruntime_providers_shared.so",
  "libonnxruntime_providers_cuda.so",
] as const;

/** Which NVIDIA package holds a library, by the beginning of its name. */
const CUDA_PACKAGES = [
  ["libcublas", "cuBLAS"],
  ["libcudnn", "cuDNN"],
  ["libcudart", "the CUDA runtime"],
  ["libcurand", "cuRAND"],
  ["libcufft", "cuFFT"],
  ["libnvrtc", "NVRTC"],
  ["libnvJitLink", "nvJitLink"],
] as const;

function nativeFolder(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  return join(dirname(entry), "..", "bin", "napi-v6", process.platform, process.arch);
}

function remedyFor(library: string): string {
  if (library.startsWith("libcuda.so")) return "install the NVIDIA driver";
  const owner = CUDA_PACKAGES.find(([prefix]) => library.startsWith(prefix))?.[1];
  const version = /\.so\.([\d.]+)$/.exec(library)?.[1];
  return owner === undefined
    ? `install the system package with ${library}`
    : `install ${owner}${version ? ` ${version}` : ""} and put its folder on LD_LIBRARY_PATH`;
}

/**
 * Looks whether a provider's libraries, and all they need, would be found, without loading any of them: a
 * load that fails may end the process.
 */
export function probeProvider(
  provider: ExecutionProvider,
  { folder = nativeFolder(), searchFolders = systemFolders() }: ProbeOptions = {},
): ProviderReport {
  if (provider === "cpu") return { provider, available: true, folder, missing: [] };
  const absent = CUDA_LIBRARIES.filter((name) => !existsSync(join(folder, name)));
  const missing = [
    ...absent.map((library) => ({
      library,
      neededBy: "libonnxruntime.so.1",
      remedy:
        `put it into "${folder}", from a CUDA build of exactly the onnxruntime version of onnxruntime-node`,
    })),
    ...CUDA_LIBRARIES.filter((name) => !absent.includes(name))
      .flatMap((name) => missingLibraries(join(folder, name), searchFolders))
      .map((m) => ({ ...m, remedy: remedyFor(m.library) })),
  ];
  return { provider, available: missing.length === 0, folder, missing };
}

/**
 * Stops before a precision that the provider has no kernels for. float16 runs on the CPU too, in float32
 * between casts that onnxruntime inserts: as exact as on a GPU, and slower than fp32.
 *
 * @param what the attempt, to begin the message with
 * @throws InputError for bf16 on the CPU
 */
export function requirePrecision(
  what: string,
  provider: ExecutionProvider,
  precision: Precision,
): void {
  if (provider !== "cpu" || precision !== "bf16") return;
  throw new InputError(
    `${what}: precision "bf16" on execution provider "cpu", which has no bfloat16 matrix products; expected "fp32" or "fp16" there, or execution provider "cuda"`,
  );
}

/**
 * Stops before a provider that cannot be loaded.
 *
 * @param what the attempt, to begin the message with
 * @throws Error that names every missing library, who needs it, and what to install
 */
export function requireProvider(what: string, provider: ExecutionProvider): void {
  const { available, missing } = probeProvider(provider);
  if (available) return;
  const lines = missing.map((m) => `  ${m.library}, needed by ${m.neededBy}: ${m.remedy}`);
  throw new Error(
    `${what}: execution provider "${provider}" cannot be loaded, ${missing.length} libraries are missing:\n${
      lines.join("\n")
    }`,
  );
}

const OVERRIDE = "NVIDIA_TF32_OVERRIDE";

let decided: boolean | undefined;

/**
 * Says whether CUDA may run float32 matrix products in TF32 (10 bits of fraction), for the whole process.
 *
 * onnxruntime allows it by default, and its Node binding passes CUDA nothing but the device's number
 * (`js/node/src/session_options_helper.cc`), so the provider option `use_tf32` is out of reach. cuBLAS reads
 * `NVIDIA_TF32_OVERRIDE` once, when it is loaded. A value that the environment came with is left alone.
 *
 * @param what the attempt, to begin the message with
 * @throws Error when an earlier session of this process decided otherwise
 */
export function setTf32(what: string, allowed: boolean): void {
  if (decided === undefined) {
    if (process.env[OVERRIDE] !== undefined) return;
    decided = allowed;
    if (!allowed) process.env[OVERRIDE] = "0";
  }
  if (decided === allowed) return;
  throw new Error(
    `${what}: tf32 is ${allowed}, but the first CUDA session of this process had ${decided}, and cuBLAS reads the setting once; give all sessions the same, or use another process`,
  );
}
