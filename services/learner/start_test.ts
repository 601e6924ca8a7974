import assert from "node:assert/strict";
import { spawnService } from "@decorum/testing/process";
import { TinyT5 } from "@decorum/testing/t5";

Deno.test("a learner that is told to end exits with 75: a Kubernetes Job starts another one in its place", async () => {
  using model = new TinyT5();
  await using learner = spawnService(
    new URL("main.ts", import.meta.url),
    "learner.listen=127.0.0.1:0",
    `model.name_or_path=${model.model}`,
  );
  await learner.ready;
  assert.equal((await learner.end("SIGTERM")).code, 75);
});
