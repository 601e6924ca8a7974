import assert from "node:assert/strict";
import { parseGpuStates } from "./machine.ts";

Deno.test("what nvidia-smi prints, with what a card or a MIG slice does not tell", () => {
  // `nvidia-smi --query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu
  //  --format=csv,noheader,nounits`: the form of a whole card, and of one in MIG mode.
  const text = "0, 37, 1024, 81559, 123.45, 41\n1, [N/A], 5, 81559, [N/A], 39\n";
  assert.deepEqual(parseGpuStates(text), [
    {
      gpu: "0",
      utilization: 0.37,
      usedBytes: 2 ** 30,
      sizeBytes: 81559 * 2 ** 20,
      watts: 123.45,
      celsius: 41,
    },
    {
      gpu: "1",
      utilization: undefined,
      usedBytes: 5 * 2 ** 20,
      sizeBytes: 81559 * 2 ** 20,
      watts: undefined,
      celsius: 39,
    },
  ]);
  assert.deepEqual(parseGpuStates(""), []);
});
