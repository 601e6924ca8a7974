import { runService } from "@decorum/service";
import { startEvaluator } from "./start.ts";

await runService({
  name: "evaluator",
  description: "Measures a policy before and after training",
  start: startEvaluator,
});
