import { runService } from "@decorum/service";
import { startReward } from "./start.ts";

await runService({
  name: "reward",
  description: "Scores texts with a sequence classifier",
  start: startReward,
});
