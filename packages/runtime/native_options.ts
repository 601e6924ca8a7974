import type { RuntimeOptions } from "./options.ts";

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
    extra: { ...options.sessionConfig, ...place },
  };
}
