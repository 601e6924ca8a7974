// Goes on with a saved PPO run in a process of its own: model folder, state file, result file, KL controller.
import process from "node:process";
import { readSafetensors, writeSafetensors } from "@decorum/tensor";
import { PpoLearner } from "../ppo_learner.ts";
import { stateFromTensors, stateToTensors } from "@decorum/learning";
import { ppoOptions, ppoSteps } from "./ppo_run.ts";

const [model, saved, result, controller] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
await using learner = await PpoLearner.create(ppoOptions(model));
learner.restore(stateFromTensors(readSafetensors(saved), learner.params));
await ppoSteps(learner, 1, 3, JSON.parse(controller));
writeSafetensors(result, stateToTensors(learner.state()));
