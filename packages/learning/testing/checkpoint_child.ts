// Writes a checkpoint of step 2 with 64 KiB of parameters: folder.
import process from "node:process";
import { float32 } from "@decorum/tensor";
import { initTrainState, writeCheckpoint } from "../mod.ts";

const key = "base_model.model.layer.q.lora_A.weight";
const train = initTrainState(new Map([[key, float32([1, 16384], new Float32Array(16384))]]));
const lora = { r: 1, loraAlpha: 2, loraDropout: 0, targetModules: ["q"] };
writeCheckpoint(process.argv[2]!, 2, { train, info: {} }, { lora, base: "model" });
