import { implement, policyService } from "@decorum/rpc";
import { runService } from "@decorum/service";
import { Policy } from "./policy.ts";
import { policyHandlers } from "./service.ts";

await runService({
  name: "policy",
  description:
    "Generates with an encoder-decoder model, its adapters and value head; takes new weights while it runs",
  start(context) {
    const loading = Promise.withResolvers<Policy>();
    const { logger, metrics } = context;
    return {
      services: [implement(
        policyService,
        policyHandlers({ policy: loading.promise, logger, metrics }),
      )],
      async load() {
        loading.resolve(await Policy.load(context));
      },
      async stop() {
        await (await loading.promise)[Symbol.asyncDispose]();
      },
    };
  },
});
