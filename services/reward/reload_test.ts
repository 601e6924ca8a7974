import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, rewardAdminService, rewardService, RpcError } from "@decorum/rpc";
import type { RewardConfig } from "@decorum/settings";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { openReward } from "./testing/open_reward.ts";

/** A service whose model is a link to the first of several folders. */
async function open(fields: Partial<RewardConfig> = {}) {
  const folder = new TemporaryFolder();
  const make = (name: string, seed: number) => {
    mkdirSync(folder.join(name));
    return writeClassifier(folder.join(name), { seed });
  };
  const link = folder.join("current");
  symlinkSync(make("first", 1), link);
  make("second", 2);
  const reward = await openReward({ model: link, ...fields });
  const options = { address: reward.server.address };
  const client = createClient(rewardService, options);
  const admin = createClient(rewardAdminService, options);
  return {
    ...reward,
    client,
    admin,
    paths: folder,
    /** Points the link elsewhere in one step, as a deployment does. */
    point(target: string) {
      symlinkSync(folder.join(target), `${link}.new`);
      renameSync(`${link}.new`, link);
    },
    /** Waits until calls are answered by another version than `old`. */
    async changed(old: string): Promise<string> {
      while (true) {
        const { modelVersion } = await client.getInfo({});
        if (modelVersion !== old) return modelVersion;
        await sleep(10);
      }
    },
    async [Symbol.asyncDispose]() {
      client.close();
      admin.close();
      await reward[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

const items = ["you fool", "ok.", "a b c"].map((response) => ({ response }));

Deno.test("another classifier takes the place of the one in service, and no call is lost", async () => {
  await using reward = await open();
  const { client, admin } = reward;
  const before = await client.score({ items, asSent: true });
  let loading = true;
  const seen: string[] = [];
  const callers = Array.from({ length: 8 }, async () => {
    while (loading) {
      const answer = await client.score({ items, asSent: true });
      const old = answer.modelVersion === before.modelVersion;
      seen.push(answer.modelVersion);
      assert.equal(answer.results[0]!.score === before.results[0]!.score, old);
    }
  });
  while (seen.length === 0) await sleep(5);
  reward.point("second");
  const [first, second] = await Promise.all([admin.reloadModel({}), admin.reloadModel({})]);
  assert.deepEqual(first, second, "a reload that runs is shared");
  assert.equal(first.changed, true);
  assert.notEqual(first.modelVersion, before.modelVersion);
  while (!seen.includes(first.modelVersion)) await sleep(5);
  loading = false;
  await Promise.all(callers);
  assert.deepEqual([...new Set(seen)], [before.modelVersion, first.modelVersion]);
  const info = await client.getInfo({});
  assert.deepEqual([info.modelVersion, info.modelName], [first.modelVersion, "current"]);
  const again = await admin.reloadModel({});
  assert.deepEqual(again, { modelVersion: first.modelVersion, changed: false });
});

Deno.test("a folder that cannot be served leaves the old classifier in its place", async () => {
  await using reward = await open({ label: "hate" });
  const { client, admin } = reward;
  const { modelVersion } = await client.getInfo({});
  mkdirSync(reward.paths.join("broken"));
  writeFileSync(reward.paths.join("broken", "config.json"), "{");
  for (const target of ["broken", "nowhere"]) {
    reward.point(target);
    await assert.rejects(admin.reloadModel({}), (error) => {
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, "FAILED_PRECONDITION");
      assert.match(
        error.details,
        new RegExp(`Cannot load the classifier again: .*${modelVersion} stays in service`),
      );
      return true;
    });
    assert.equal((await client.score({ items })).modelVersion, modelVersion);
  }
  assert.ok(reward.log.some((line) => line.includes("the old one stays in service")));
  const { body } = await reward.metrics.render();
  assert.match(body, /decorum_model_reloads_total\{[^}]*outcome="failed"[^}]*\} 2/);
});

Deno.test("a folder that is watched is loaded when it has changed, a broken one is left alone", async () => {
  await using reward = await open({ reload: { watch: true, interval_s: 0.02 } });
  const { client } = reward;
  const { modelVersion: first } = await client.getInfo({});
  reward.point("nowhere");
  await sleep(100);
  assert.equal((await client.score({ items })).modelVersion, first);
  reward.point("second");
  const second = await reward.changed(first);
  reward.point("first");
  assert.equal(await reward.changed(second), first);
  rmSync(reward.paths.join("second"), { recursive: true });
  unlinkSync(reward.paths.join("current"));
  await sleep(100);
  assert.equal((await client.score({ items })).modelVersion, first);
});

Deno.test("SIGHUP loads the folder again", async () => {
  await using reward = await open();
  const { modelVersion } = await reward.client.getInfo({});
  reward.point("second");
  process.kill(process.pid, "SIGHUP");
  await reward.changed(modelVersion);
});
