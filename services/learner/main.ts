import { runService } from "@decorum/service";
import { startLearner } from "./start.ts";

await runService({
  name: "learner",
  description: "Computes log-probabilities and gradients for the trainer",
  start: startLearner,
});
