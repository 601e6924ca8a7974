import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { createClient, rewardService } from "@decorum/rpc";
import { RunStore } from "@decorum/runs";
import { startDecorum } from "@decorum/testing/decorum";
import { type Settings, System } from "./testing/system.ts";

const secondModel = fileURLToPath(new URL("../../demo/models/judge", import.meta.url));
const page = readFileSync(fileURLToPath(new URL("../../docs/rewards.md", import.meta.url)), "utf8");

/** Blocks of the page in a language, in order. */
function blocks(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms");
  return [...page.matchAll(fence)].map(([, text]) => text!);
}

/** The trainer's section of a block, with the test's own addresses and files. */
function trainerOf(yaml: string, changes: Readonly<Record<string, string>> = {}) {
  const text = Object.entries(changes).reduce((all, [a, b]) => all.replaceAll(a, b), yaml);
  return (parse(text) as { readonly trainer: Settings[string] }).trainer;
}

/** Runs two steps of PPO with these rewards. @returns each step's metrics, and the first one's samples */
async function run(trainer: Settings[string], prepare: (system: System) => Settings[string]) {
  using system = await System.make({ trainer });
  const more = prepare(system);
  const set = Object.entries({
    ...more,
    "trainer.evaluator": null,
    "trainer.evaluate.every_steps": 0,
  })
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  await using train = startDecorum(
    ["train", "--config", system.config, "--run-id", "r", "--set", "trainer.ppo.steps=2", ...set],
    { cwd: system.folder },
  );
  const { code, stderr } = await train.ended;
  assert.equal(code, 0, stderr);
  const { metrics } = system.recorded("r");
  assert.equal(metrics.length, 2);
  using store = new RunStore(system.runs);
  return { metrics, samples: store.samples("r", 1) };
}

const [first, expression, several, code, servers] = blocks("yaml");

Deno.test("the page of rewards: one label is what a run without terms learns from", async () => {
  const { metrics: terms } = await run(trainerOf(first!), () => ({ "trainer.reward_label": null }));
  const { metrics: label } = await run({}, () => ({}));
  const { "rewards/civil/mean": mean, "rewards/civil/std": std, ...rest } = terms[1]!;
  const { "rewards/reward/mean": meanBefore, "rewards/reward/std": stdBefore, ...before } =
    label[1]!;
  assert.deepEqual([rest, mean, std], [before, meanBefore, stdBefore], "bit for bit");
  assert.equal(mean, rest["env/reward_mean"]);
});

Deno.test("the page of rewards: an expression of labels", async () => {
  const { metrics } = await run(trainerOf(expression!), () => ({ "trainer.reward_label": null }));
  assert.equal(metrics[1]!["rewards/civil/mean"], metrics[1]!["env/reward_mean"]);
  assert.ok(!("env/toxicity" in metrics[1]!));
});

Deno.test("the page of rewards: two models and ROUGE", async () => {
  const { data, ...trainer } = trainerOf(several!);
  using other = await System.make({ reward: { model: secondModel, label: "nothate" } });
  await using second = startDecorum(["serve", "reward", "--config", other.config]);
  await second.said(/^ready reward/m);
  const { metrics, samples } = await run(trainer, () => ({
    "trainer.reward_label": null,
    "trainer.data.reference_column": (data as { reference_column: string }).reference_column,
    "trainer.rewards": (trainer["rewards"] as { service?: string }[]).map((term) =>
      term.service === undefined ? term : { ...term, service: other.addresses.reward }
    ),
  }));
  for (const name of ["civil", "fluent", "content"]) {
    assert.ok(Number.isFinite(metrics[0]![`rewards/${name}/mean`]), name);
  }
  // Each term is centred over the batch before it is weighted.
  assert.ok(Math.abs(metrics[0]!["env/reward_mean"]!) < 1e-6);
  // What the second model itself says of the responses; there, they are in other batches.
  using client = createClient(rewardService, { address: other.addresses.reward });
  const items = samples.map(({ response }) => ({ response }));
  const { labels, results } = await client.score({ items });
  assert.ok(samples.length > 0);
  samples.forEach(({ scores }, i) => {
    const expected = results[i]!.probabilities[labels.indexOf("nothate")]!;
    assert.ok(Math.abs(scores!["fluent"]! - expected) < 1e-5, `${scores!["fluent"]} ${expected}`);
  });
});

Deno.test("the page of rewards: my own function, in a process of its own", async () => {
  const trainer = trainerOf(code!);
  const { metrics } = await run(trainer, (system) => ({
    "trainer.reward_label": null,
    "trainer.rewards": (trainer["rewards"] as { module?: string }[]).map((term) =>
      term.module === undefined
        ? term
        : { ...term, module: system.write(term.module, blocks("ts ignore")[0]!) }
    ),
  }));
  assert.ok(metrics[0]!["rewards/brief/mean"]! <= 0);
});

Deno.test("the page of rewards: other people's servers", async () => {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
    request.on("end", () => {
      const { query } = JSON.parse(text) as { query: string[] };
      response.end(JSON.stringify({ rewards: query.map((one) => one.length / 100) }));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const { port } = server.address() as AddressInfo;
    const trainer = trainerOf(servers!, { "127.0.0.1:5000": `127.0.0.1:${port}` });
    // Decorum's own reward service speaks both protocols over gRPC.
    const { metrics } = await run(trainer, (system) => ({
      "reward.label": "nothate",
      "trainer.reward_label": null,
      "trainer.rewards": (trainer["rewards"] as { address: string }[]).map((term) => ({
        ...term,
        address: /:(8001|8080)$/.test(term.address) ? system.addresses.reward : term.address,
      })),
    }));
    for (const name of ["openrlhf", "triton", "tei"]) {
      assert.ok(Number.isFinite(metrics[1]![`rewards/${name}/mean`]), name);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
