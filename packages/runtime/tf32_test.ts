import assert from "node:assert/strict";
import process from "node:process";
import { setTf32 } from "./provider.ts";

Deno.test("TF32 is decided once for the process; the environment's own word stands", () => {
  const before = process.env["NVIDIA_TF32_OVERRIDE"];
  try {
    process.env["NVIDIA_TF32_OVERRIDE"] = "1";
    setTf32("Cannot try", false);
    assert.equal(process.env["NVIDIA_TF32_OVERRIDE"], "1");
    delete process.env["NVIDIA_TF32_OVERRIDE"];
    setTf32("Cannot try", false);
    assert.equal(process.env["NVIDIA_TF32_OVERRIDE"], "0");
    setTf32("Cannot try", false);
    assert.throws(
      () => setTf32("Cannot try", true),
      /^Error: Cannot try: tf32 is true, but .* false/,
    );
  } finally {
    if (before === undefined) delete process.env["NVIDIA_TF32_OVERRIDE"];
    else process.env["NVIDIA_TF32_OVERRIDE"] = before;
  }
});
