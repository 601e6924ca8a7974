import process from "node:process";

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
