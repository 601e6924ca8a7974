// Continues a saved run in a process of its own: model folder, state file, result file, KL controller.
import process from "node:process";
import { stateFromTensors, stateToTensors } from "@decorum/learning";
import { readSafetensors, writeSafetensors } from "@decorum/tensor";
import { openRun, takeSteps } from "./runs.ts";

const [model, saved, result, controller] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
await using learning = await openRun(model);
const { learner } = learning;
learner.restore(stateFromTensors(readSafetensors(saved), learner.params));
await takeSteps(learning, 1, 3, JSON.parse(controller));
writeSafetensors(result, stateToTensors(learner.state()));
