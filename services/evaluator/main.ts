import { runService } from "@decorum/service";
import { evaluatorConfig } from "@decorum/settings";
import { startEvaluator } from "./start.ts";

await runService({
  name: "evaluator",
  description: "Measures a policy before and after training",
  section: evaluatorConfig,
  start: startEvaluator,
});
