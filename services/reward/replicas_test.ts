import assert from "node:assert/strict";
import process from "node:process";
import { createClient, inferenceService, rewardService } from "@decorum/rpc";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { spawnService } from "@decorum/testing/process";

const main = new URL("./main.ts", import.meta.url);

Deno.test("two replicas behind round_robin share the calls; one is killed and calls continue", async () => {
  using folder = new TemporaryFolder();
  const settings = [
    ...["reward.listen=127.0.0.1:0", "reward.threads=1", "reward.label=hate"],
    `reward.model=${writeClassifier(folder.path)}`,
  ];
  await using first = spawnService(main, ...settings);
  await using second = spawnService(main, ...settings);
  const addresses = await Promise.all([first.ready, second.ready]);
  using both = createClient(rewardService, { address: `ipv4:${addresses.join(",")}` });
  const counts = () =>
    Promise.all(addresses.map(async (address) => {
      using client = createClient(inferenceService, { address });
      const { modelStats: [stats] } = await client.modelStatistics({});
      return stats!.inferenceStats!.success!.count;
    }));

  // Both connections stand before calls are counted.
  const items = [{ response: "you fool" }];
  const expected = (await both.score({ items, asSent: true })).results[0]!.score;
  for (let i = 0; i < 500 && (await counts()).includes(0); i++) await both.score({ items });
  const before = await counts();
  for (let i = 0; i < 20; i++) await both.score({ items });
  const after = await counts();
  assert.deepEqual(after.map((count, i) => count - before[i]!), [10, 10]);

  // Calls that are on their way when it dies are made again, by the other one.
  const running = Array.from({ length: 20 }, () => both.score({ items, asSent: true }));
  process.kill(first.pid, "SIGKILL");
  const answers = await Promise.all(running);
  for (let i = 0; i < 20; i++) answers.push(await both.score({ items, asSent: true }));
  assert.ok(answers.every(({ results }) => results[0]!.score === expected));
});
