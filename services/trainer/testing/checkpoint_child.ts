// Writes a checkpoint of step 2 with 64 KiB of parameters: folder.
import process from "node:process";
import { initTrainState } from "@decorum/learning";
import { emptyMoments } from "@decorum/algorithms";
import { float32 } from "@decorum/tensor";
import { writeCheckpoint } from "../run/checkpoint.ts";

const params = new Map([
  ["base_model.model.layer.q.lora_A.weight", float32([1, 16384], new Float32Array(16384))],
  ["v_head.summary.weight", float32([1, 2], [5, 6])],
  ["v_head.summary.bias", float32([1], [7])],
]);
writeCheckpoint(process.argv[2]!, {
  runId: "r",
  configHash: "hash",
  progress: {
    step: 2,
    klController: { kind: "fixed", value: 1 },
    moments: emptyMoments,
    rewardVersion: "",
  },
  learner: { train: initTrainState(params), reference: undefined },
  lora: { r: 1, loraAlpha: 2, loraDropout: 0, targetModules: ["q"] },
  base: "model",
});
