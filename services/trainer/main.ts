import { runService } from "@decorum/service";
import { openUi, storeSource, type Ui } from "@decorum/ui";
import { theOnlyRun } from "./run/only_run.ts";
import { controlsOf, trainerServiceOf } from "./service.ts";
import { Trainer } from "./run/trainer.ts";

await runService({
  name: "trainer",
  description: "Runs PPO: rollouts of the policies, scores of the reward, updates, checkpoints.",
  start({ config, logger, metrics, security }) {
    const trainer = new Trainer({ config, logger, metrics });
    const stopping = new AbortController();
    const { run } = config;
    let page: Ui | undefined;
    return {
      services: [trainerServiceOf(trainer)],
      // Models are loaded by the runs.
      async load() {
        if (config.ui_listen === null) return;
        page = await openUi({
          ...{ address: config.ui_listen, names: config.ui_names, insecure: config.insecure },
          ...(security.tls ? { tls: security.tls } : {}),
          ...{ authorizer: security.authorizer, logger },
          source: storeSource(config.runs),
          controls: controlsOf(trainer),
        });
        logger.info("page of runs", { url: page.url });
      },
      ...(run === null ? {} : { ended: () => theOnlyRun(trainer, run, stopping.signal) }),
      draining() {
        stopping.abort();
        trainer.interrupt();
      },
      async stop() {
        await page?.[Symbol.asyncDispose]();
        await trainer.close();
      },
    };
  },
});
