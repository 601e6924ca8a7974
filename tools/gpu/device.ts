import { execFileSync } from "node:child_process";
import { probeProvider } from "@decorum/runtime";

/** The device's name, driver and memory as the driver's own tool prints them; undefined without one. */
export function deviceName(deviceId: number): string | undefined {
  try {
    const query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
    const line = execFileSync("nvidia-smi", [...query, "-i", String(deviceId)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return line.trim() || undefined;
  } catch {
    return undefined; // No such program, or it found no device.
  }
}

/** Why CUDA cannot be used here, in a line; undefined where it can. */
export function whyNoCuda(deviceId: number): string | undefined {
  const { available, missing } = probeProvider("cuda");
  if (!available) {
    return `execution provider "cuda" lacks ${
      missing.map((m) => `${m.library} (${m.remedy})`).join("; ")
    }`;
  }
  if (deviceName(deviceId) === undefined) return `nvidia-smi finds no device ${deviceId}`;
  return undefined;
}
