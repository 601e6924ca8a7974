import { runService } from "@decorum/service";
import { theOnlyRun } from "./run/only_run.ts";
import { trainerServiceOf } from "./service.ts";
import { Trainer } from "./run/trainer.ts";

await runService({
  name: "trainer",
  description: "Runs PPO: rollouts of the policies, scores of the reward, updates, checkpoints.",
  start({ config, logger, metrics }) {
    const trainer = new Trainer({ config, logger, metrics });
    const stopping = new AbortController();
    const { run } = config;
    return {
      services: [trainerServiceOf(trainer)],
      // Models are loaded by the runs.
      load: () => Promise.resolve(),
      ...(run === null ? {} : { ended: () => theOnlyRun(trainer, run, stopping.signal) }),
      draining() {
        stopping.abort();
        trainer.interrupt();
      },
      stop: () => trainer.close(),
    };
  },
});
