import { runService, serverSecurity } from "@decorum/service";
import { openUi, storeSource, type Ui } from "@decorum/ui";
import { theOnlyRun } from "./run/only_run.ts";
import { controlsOf, trainerServiceOf } from "./service.ts";
import { Trainer } from "./run/trainer.ts";

await runService({
  name: "trainer",
  description:
    "Trains by PPO, GRPO, RLOO or online DPO: rollouts of the policies, scores, updates, checkpoints.",
  start(context) {
    const trainer = new Trainer(context);
    const stopping = new AbortController();
    const { run } = context.config;
    let page: Ui | undefined;
    return {
      services: [trainerServiceOf(trainer)],
      // Models are loaded by the runs.
      load: async () => void (page = await openPage(trainer)),
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

/** The page of the trainer's runs, where one is wanted. */
async function openPage(trainer: Trainer): Promise<Ui | undefined> {
  const { config, logger } = trainer.options;
  const { ui_listen: listen, ui_names: names, ui_tokens, insecure } = config;
  if (listen === null) return undefined;
  const own = { ...config, listen, tokens: ui_tokens ?? config.tokens };
  const { tls, authorizer } = serverSecurity(own, "trainer", { logger });
  const page = await openUi({
    ...{ address: listen, names, insecure, authorizer, logger },
    ...(tls ? { tls } : {}),
    source: storeSource(config.runs),
    controls: controlsOf(trainer),
  });
  logger.info("page of runs", { url: page.url });
  return page;
}
