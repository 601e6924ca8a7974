import type { Precision } from "@decorum/tensor";

/** Where the operators run. `cuda` needs NVIDIA's libraries: see {@link probeProvider}. */
export type ExecutionProvider = "cpu" | "cuda";

/** How hard onnxruntime rewrites the graph before running it. */
type GraphOptimizationLevel = "disabled" | "basic" | "extended" | "layout" | "all";

/** Options of a session. Every field has onnxruntime's default unless said otherwise. */
export interface RuntimeOptions {
  /** Names the session in error messages and traces; default `model`. */
  readonly name?: string;
  /** Default `cpu`. */
  readonly executionProvider?: ExecutionProvider;
  /** CUDA device index; default 0. */
  readonly deviceId?: number;
  /** What the graph was built to compute in; default `fp32`. `bf16` needs `cuda`. */
  readonly precision?: Precision;
  /**
   * Lets CUDA round float32 operands of matrix products to 10 bits of fraction (TF32); default false. It
   * holds for the whole process, from its first CUDA session on: see `setTf32`.
   */
  readonly tf32?: boolean;
  /** Threads inside one operator; 0 takes one per physical core. */
  readonly intraOpThreads?: number;
  /** Threads over independent operators. */
  readonly interOpThreads?: number;
  readonly graphOptimizationLevel?: GraphOptimizationLevel;
  /** Plan one buffer for all activations after the first run of a shape. */
  readonly enableMemPattern?: boolean;
  /** Keep freed activations for the next run; off gives memory back after every run. */
  readonly enableCpuMemArena?: boolean;
  /** Write onnxruntime's trace to `<profilePrefix>_<time>.json`; `endProfiling()` closes and names it. */
  readonly profilePrefix?: string;
  /**
   * False: products run on the weights where they lie in the mapped file, which all sessions of the machine share, instead of
   * on private copies that onnxruntime reorders: no second copy in memory and a load in no time. Products of 64 rows or more
   * are about as fast (`bench train_step`: 5 % slower), those of about 16 rows (decoding) half as fast. Default true.
   */
  readonly prepack?: boolean;
}

/** An encoded ONNX model and where its external data lies. */
export interface ModelSource {
  /** The encoded `ModelProto`; give this or `path`. */
  readonly bytes?: Uint8Array;
  /** A model file; give this or `bytes`. */
  readonly path?: string;
  /**
   * The file each external-data `location` of the model stands for. The files are mapped where they lie:
   * no copy on disk and, for operators without prepacking, none in memory.
   */
  readonly externalData?: Readonly<Record<string, string>>;
}

/**
 * Session options under the names onnxruntime-node knows.
 *
 * @param folder where external data is searched for a model given as bytes
 */
export function nativeOptions(
  options: RuntimeOptions,
  folder: string | undefined,
): Record<string, unknown> {
  const provider = options.executionProvider ?? "cpu";
  const given = {
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: options.interOpThreads,
    graphOptimizationLevel: options.graphOptimizationLevel,
    enableMemPattern: options.enableMemPattern,
    enableCpuMemArena: options.enableCpuMemArena,
    profileFilePrefix: options.profilePrefix,
    enableProfiling: options.profilePrefix === undefined ? undefined : true,
  };
  const place = folder === undefined
    ? {}
    : { "session.model_external_initializers_file_folder_path": folder };
  return {
    // The binding takes a field that is present but undefined for a wrong one.
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    executionProviders: [
      provider === "cpu" ? "cpu" : { name: provider, deviceId: options.deviceId ?? 0 },
    ],
    extra: { "session.disable_prepacking": options.prepack === false ? "1" : "0", ...place },
  };
}
