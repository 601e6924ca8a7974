import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { createClient, rewardService } from "@decorum/rpc";
import { RunStore } from "@decorum/runs";
import type { Summary } from "../../cli/summary.ts";
import { PROMPT_TEMPLATE } from "../../demo/corpus/mod.ts";
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

/**
 * Runs two steps of PPO with these rewards, evaluated at the end.
 *
 * @param then what is done after it
 * @returns each step's metrics, the first one's samples, and what was said
 */
async function run(
  trainer: Settings[string],
  prepare: (system: System) => Settings[string],
  then: (system: System) => Promise<void> = () => Promise.resolve(),
) {
  using system = await System.make({ trainer });
  const more = prepare(system);
  const set = Object.entries({
    ...more,
    "trainer.evaluate": { every_steps: 2, prompts: 4 },
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
  const samples = store.samples("r", 1);
  await then(system);
  return { metrics, samples, stderr };
}

/** The terms that were measured before and after. */
function measured(metrics: Readonly<Record<string, number>>): string[] {
  const names = Object.keys(metrics).flatMap((name) =>
    /^eval\/rewards\/(.+)\/after$/.exec(name)?.[1] ?? []
  );
  return names.filter((name) => `eval/rewards/${name}/before` in metrics);
}

const [first, expression, several, code, servers, others, ...rest] = blocks("yaml");
assert.equal(rest.length, 0, "a block that no test runs");

Deno.test("the page of rewards: one label is what a run without terms learns from", async () => {
  const terms = await run(trainerOf(first!), () => ({ "trainer.reward_label": null }));
  const label = await run({}, () => ({}));
  const { "rewards/civil/mean": mean, "rewards/civil/std": std, ...learned } = terms.metrics[1]!;
  const { "rewards/reward/mean": meanBefore, "rewards/reward/std": stdBefore, ...before } = label
    .metrics[1]!;
  const { "eval/reward_before": _, "eval/reward_after": after, ...rest } = Object.fromEntries(
    Object.entries(learned).filter(([name]) => !name.startsWith("eval/rewards/")),
  );
  assert.deepEqual([rest, mean, std], [before, meanBefore, stdBefore], "bit for bit");
  // Without terms toxicity alone is measured.
  assert.deepEqual([measured(learned), measured(before)], [["civil"], []]);
  assert.equal(after, learned["eval/rewards/civil/after"]);
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
  const { metrics, samples, stderr } = await run(trainer, () => ({
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
  assert.deepEqual(measured(metrics[1]!), ["civil", "content", "fluent"]);
  assert.match(stderr, /^Reward "content" of 4 held-out responses: 0\.\d+ before, 0\.\d+ after/m);
  assert.match(stderr, /^Weighted sum of the reward of 4 held-out responses/m);
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
  assert.ok(metrics[1]!["eval/rewards/brief/after"]! <= 0);
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
    assert.deepEqual(measured(metrics[1]!), ["openrlhf", "tei", "triton"]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

Deno.test("the page of rewards: an evaluator may measure other terms; a command measures any weights", async () => {
  const { trainer, evaluator } = parse(others!) as Settings;
  const { metrics } = await run(trainer!, () => ({
    "trainer.reward_label": null,
    "evaluator.rewards": evaluator!["rewards"],
  }), async (system) => {
    // With the trainer's terms, whose classifier is started with it.
    await using command = startDecorum([
      ...[
        "evaluate",
        "--config",
        system.config,
        "--run",
        "r",
        "--data",
        system.path("prompts.jsonl"),
      ],
      ...[
        "--prompt",
        PROMPT_TEMPLATE,
        "--reference",
        "civil",
        "--limit",
        "6",
        "--max-new-tokens",
        "8",
      ],
      ...["--set", "trainer.reward_label=null"],
      `trainer.rewards=${
        JSON.stringify([
          ...trainer!["rewards"] as object[],
          { name: "content", kind: "rouge" },
        ])
      }`,
    ], { cwd: system.folder });
    const { code, stdout, stderr } = await command.ended;
    assert.equal(code, 0, stderr);
    const { rewards, reward, samples } = JSON.parse(stdout) as Summary & {
      readonly samples: readonly { readonly rewardsAfter: object }[];
    };
    assert.deepEqual(rewards.map(({ name, n }) => [name, n]), [["civil", 6], ["content", 6]]);
    assert.equal(reward?.n, 6);
    assert.deepEqual(Object.keys(samples[0]!.rewardsAfter).sort(), ["civil", "content"]);
    assert.match(stderr, /^Reward "civil" of 6 held-out responses: /m);
  });
  assert.deepEqual(measured(metrics[1]!), ["brief", "loops"]);
  assert.ok("rewards/civil/mean" in metrics[1]!);
});
