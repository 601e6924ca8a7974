import type { ExecutionProvider } from "@decorum/runtime";
import { cutByLength } from "@decorum/text";

/** Padded positions of one run on the CPU: activations of more leave its caches. */
const CPU_POSITIONS = 1024;

/**
 * Prompts that the encoder runs over together: of like length, so that little padding is computed, and on the CPU no
 * more than fit its caches.
 *
 * @param lengths of the prompts, in tokens
 * @returns their places, each once
 */
export function encoderRuns(
  lengths: readonly number[],
  provider: ExecutionProvider,
): number[][] {
  const cuts = cutByLength(lengths.map((length) => [length]));
  if (provider !== "cpu") return cuts;
  return cuts.flatMap((cut) => {
    const longest = Math.max(...cut.map((i) => lengths[i]!));
    const most = Math.max(1, Math.floor(CPU_POSITIONS / longest));
    const rows = Math.ceil(cut.length / Math.ceil(cut.length / most));
    return Array.from(
      { length: Math.ceil(cut.length / rows) },
      (_, i) => cut.slice(i * rows, (i + 1) * rows),
    );
  });
}
