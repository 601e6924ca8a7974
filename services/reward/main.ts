import { runService } from "@decorum/service";
import { rewardConfig } from "@decorum/settings";
import { startReward } from "./start.ts";

await runService({
  name: "reward",
  description: "Scores texts with a sequence classifier",
  section: rewardConfig,
  start: startReward,
});
