import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { RunStore } from "@decorum/runs";
import { recordedRunConfig } from "@decorum/settings";
import { HubServer } from "@decorum/testing/hub";
import { startDecorum } from "@decorum/testing/decorum";
import { labRepos } from "./testing/hub_repos.ts";
import { freeAddress } from "@decorum/testing/ports";

Deno.test("the lab's preset: from an empty cache, and again offline from it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-preset-"));
  try {
    const addresses = [];
    for (let i = 0; i < 4; i++) addresses.push(await freeAddress());
    const [policy, reward, evaluator, trainer] = addresses;
    const flags = [
      ...["train", "--preset", "flan-t5-detox", "--log", join(folder, "services.log"), "--set"],
      `policy.listen=${policy}`,
      `reward.listen=${reward}`,
      `evaluator.listen=${evaluator}`,
      `evaluator.policy=${policy}`,
      `trainer.listen=${trainer}`,
      `trainer.policy=${policy}`,
      `trainer.reward=${reward}`,
      `trainer.evaluator=${evaluator}`,
      `trainer.runs=${join(folder, "runs")}`,
      "trainer.ppo.steps=2",
      "trainer.ppo.max_new_tokens=24",
      "trainer.ppo.length_sampler={ min: 12, max: 24 }",
      "trainer.evaluate={ every_steps: 2, prompts: 6 }",
      ...["policy", "reward", "evaluator", "trainer"].map((name) => `${name}.threads=1`),
    ];
    const { DENO_DIR = join(homedir(), ".cache", "deno") } = process.env;
    const cache = {
      HF_HOME: join(folder, "hf"),
      XDG_CACHE_HOME: join(folder, "cache"),
      // Which would follow XDG_CACHE_HOME.
      DENO_DIR,
    };
    const run = async (id: string, env: Record<string, string>) => {
      await using decorum = startDecorum([...flags, "--run-id", id], {
        env: { ...cache, ...env },
      });
      const { code, stdout, stderr } = await decorum.ended;
      const log = join(folder, "services.log");
      assert.equal(code, 0, stderr + (existsSync(log) ? readFileSync(log, "utf8") : ""));
      return JSON.parse(stdout) as { state: string; metrics: Record<string, number> };
    };
    let commit = "";
    {
      await using hub = await HubServer.start(labRepos);
      commit = hub.commit(labRepos[0]!);
      const { state, metrics } = await run("online", { HF_ENDPOINT: hub.endpoint });
      assert.equal(state, "RUN_STATE_SUCCEEDED");
      assert.ok(Number.isFinite(metrics["objective/kl"]));
      const files = hub.seen.filter(({ path }) => path.includes("/resolve/")).map(({ path }) =>
        path
      );
      assert.equal(new Set(files).size, files.length, "every file comes once, for four services");
      assert.ok(!files.some((path) => /README|spiece|flan.*\.bin/.test(path)));
    }
    await run("offline", { HF_ENDPOINT: "http://127.0.0.1:9", HF_HUB_OFFLINE: "1" });
    using store = new RunStore(join(folder, "runs"));
    const [online, offline] = ["online", "offline"].map((id) => ({
      config: recordedRunConfig(store.run(id)!.configJson),
      metrics: store.steps(id, 1).map(({ metrics }) =>
        Object.entries(metrics).filter(([name]) => !name.startsWith("time/"))
      ),
    }));
    assert.equal(
      online!.config.model.name_or_path,
      `google/flan-t5-base@${commit}`,
      "the run is pinned",
    );
    assert.match(
      online!.config.data.train,
      /^hf:\/\/datasets\/knkarthick\/dialogsum@[0-9a-f]{40}\/train\.csv$/,
    );
    assert.deepEqual(offline, online, "the same run, bit for bit");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

Deno.test("a name that is neither a path nor one of the hub is refused", async () => {
  await using decorum = startDecorum(["download", "no-such"]);
  const { code, stdout, stderr } = await decorum.ended;
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /"no-such" is neither here nor a name of the hub: expected owner\/name/);
});

Deno.test("a hub that cannot be used is said before anything starts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-preset-"));
  try {
    const args = ["train", "--preset", "flan-t5-detox"];
    await using offline = startDecorum(args, { env: { HF_HOME: folder, HF_HUB_OFFLINE: "1" } });
    const { code, stderr } = await offline.ended;
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot get google\/flan-t5-base@main: HF_HUB_OFFLINE is set/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
