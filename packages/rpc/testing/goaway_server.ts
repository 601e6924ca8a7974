/** A server process for `process_test.ts`: prints its port, answers, and shuts down after 13 calls and a second. */
import { createLogger } from "@decorum/telemetry";
import process from "node:process";
import { createServer, drainOnSignal, implement, rewardService } from "../mod.ts";
import { rewardHandlers } from "./fixture.ts";

let calls = 0;
const logger = createLogger({ service: "reward", format: "json" });
const server = await createServer({
  address: `127.0.0.1:${process.argv[2] ?? "0"}`,
  logger,
  services: [
    implement(
      rewardService,
      rewardHandlers({
        getInfo() {
          calls++;
          if (calls === 13) setTimeout(() => process.kill(process.pid, "SIGTERM"), 1000);
          return Promise.resolve({ modelName: `${process.pid}` });
        },
        async score() {
          await new Promise((resolve) => setTimeout(resolve, 600));
          return { label: "finished" };
        },
      }),
    ),
  ],
});
server.setServing(true);
console.log(JSON.stringify({ port: server.port }));
await drainOnSignal(server, { logger, delayMs: 100, graceMs: 5000 });
console.log(JSON.stringify({ ended: true }));
process.exit(0);
