import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startDecorum } from "@decorum/testing/decorum";
import { freeAddress } from "@decorum/testing/ports";
import { System } from "../system/testing/system.ts";
import { ensurePython } from "./python_env.ts";

const script = fileURLToPath(new URL("reward_servers.py", import.meta.url));
const protos = fileURLToPath(new URL("../../protos/third_party/tei", import.meta.url));

/** Seconds that all servers are away in one run. */
const AWAY_S = 20;
/** Seconds of a call. */
const LIMIT_S = 3;

type Server = "openrlhf" | "inference" | "tei" | "tei-http";
const names: readonly Server[] = ["openrlhf", "inference", "tei", "tei-http"];

/** What the first calls of a server meet; see reward_servers.py. */
type Faults = Readonly<Partial<Record<Server, readonly (string | number)[]>>>;

interface Running extends AsyncDisposable {
  /** Resolves when the process ends by itself. */
  readonly died: Promise<void>;
}

/** The servers of reward_servers.py, as one process. */
class Servers {
  private constructor(
    readonly python: string,
    readonly addresses: Readonly<Record<Server, string>>,
  ) {}

  static async make(): Promise<Servers> {
    const addresses = [];
    for (const name of names) addresses.push([name, await freeAddress()]);
    return new Servers(await ensurePython(), Object.fromEntries(addresses));
  }

  /** @returns once all listen */
  async start(faults: Faults = {}): Promise<Running> {
    const [host] = this.addresses.tei.split(":");
    const ports = Object.entries(this.addresses)
      .flatMap(([name, address]) => [`--${name}`, address.split(":")[1]!]);
    const child = spawn(this.python, [
      ...[script, "--protos", protos, "--host", host!, ...ports],
      ...["--faults", JSON.stringify(faults)],
    ], { stdio: ["ignore", "pipe", "inherit"] });
    const died = new Promise<void>((resolve) => child.on("close", () => resolve()));
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      void died.then(() => reject(new Error("the reward servers did not start")));
    });
    return {
      died,
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await died;
      },
    };
  }

  /** A term of each, which together weigh 1. */
  terms(): readonly object[] {
    const { openrlhf, inference, tei, "tei-http": http } = this.addresses;
    const common = { weight: 0.25, batch_size: 2, concurrency: 2, time_limit_s: LIMIT_S };
    const pair = { input: "pair", expression: '"ok" - "toxic"' };
    return [
      { kind: "openrlhf", address: `http://${openrlhf}/get_reward` },
      {
        ...{ kind: "inference", address: inference, model: "theirs", input_shape: [-1, 1] },
        ...{ inputs: { response: "RESPONSE", prompt: "PROMPT" }, output: { name: "SCORE" } },
      },
      { kind: "tei", address: tei, ...pair },
      { kind: "tei", address: `http://${http}`, ...pair },
    ].map((term, i) => ({ name: names[i], ...common, ...term }));
  }
}

/** A folder for a run of four steps that learns from these terms. */
function systemOf(rewards: readonly object[]): Promise<System> {
  return System.make({
    trainer: {
      ...{ rewards, reward_label: null, evaluator: null, evaluate: { every_steps: 0 } },
      checkpoint: { every_steps: 1, keep: 2 },
      ppo: {
        ...{ steps: 4, batch_size: 8, mini_batch_size: 4, ppo_epochs: 2 },
        ...{ learning_rate: 0.001, max_new_tokens: 12 },
      },
    },
  });
}

function start(system: System, command: "train" | "resume") {
  const run = command === "train" ? ["--run-id", "r"] : ["r"];
  return startDecorum([command, ...run, "--config", system.config], { cwd: system.folder });
}

/** Runs it to its end. */
async function finish(system: System, command: "train" | "resume" = "train"): Promise<void> {
  await using running = start(system, command);
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
}

/** Runs it until it fails. @returns its standard error */
async function fails(system: System, command: "train" | "resume"): Promise<string> {
  await using running = start(system, command);
  const { code, stderr } = await running.ended;
  assert.equal(code, 1, stderr);
  return stderr;
}

let servers: Promise<Servers> | undefined;
const theServers = () => servers ??= Servers.make();

let wellBehaved: Promise<readonly string[]> | undefined;

/** The adapter that four servers without a fault lead to. */
function expectedAdapter(): Promise<readonly string[]> {
  return wellBehaved ??= (async () => {
    const servers = await theServers();
    await using _running = await servers.start();
    using system = await systemOf(servers.terms());
    await finish(system);
    const { metrics } = system.recorded("r");
    for (const step of metrics) {
      const means = names.map((name) => step[`rewards/${name}/mean`]);
      assert.deepEqual(means, names.map(() => step["env/reward_mean"]), "the same score by all");
    }
    assert.ok(metrics.every((step) => step["rewards/tei/std"]! > 0));
    return system.adapter("r");
  })();
}

Deno.test("servers of OpenRLHF, the Open Inference Protocol and text-embeddings-inference: as the same function here", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-remote-rewards-"));
  try {
    const module = join(folder, "mine.ts");
    writeFileSync(
      module,
      `const score = (text: string) =>
         new TextEncoder().encode(text).reduce((sum, byte) => sum + byte, 0) % 17 / 8 - 1;
       export const reward = ({ prompts, responses }: { prompts: string[]; responses: string[] }) =>
         responses.map((response, i) => score(prompts[i] + response));`,
    );
    using system = await systemOf([{ name: "mine", kind: "code", module }]);
    await finish(system);
    assert.deepEqual(system.adapter("r"), await expectedAdapter());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test(`servers that are slow, busy or faulty, and then away for ${AWAY_S} s, are waited for; the run ends the same`, async () => {
  const servers = await theServers();
  using system = await systemOf(servers.terms());
  await using faulty = await servers.start({
    openrlhf: [500, "slow", 429, "ok", "ok", "ok", "ok", "die"],
    inference: ["INTERNAL", "slow", "UNKNOWN"],
    tei: ["RESOURCE_EXHAUSTED", "UNAVAILABLE", "slow"],
    "tei-http": [503, "slow"],
  });
  await using running = start(system, "train");
  await Promise.race([faulty.died, running.ended]);
  await setTimeout(AWAY_S * 1000);
  await using _again = await servers.start();
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  const { messages } = system.recorded("r");
  for (
    const [name, ...said] of [
      ["openrlhf", "it answered 500", "ECONNREFUSED"],
      ["inference", "INTERNAL", "UNKNOWN"],
      ["tei"],
      ["tei-http", "it answered 503"],
    ]
  ) {
    for (const what of [...said, `it did not answer for ${LIMIT_S} s \\(time_limit_s\\)`]) {
      assert.match(messages, new RegExp(`reward "${name}" at .*${what}.*; waiting`));
    }
    assert.match(messages, new RegExp(`reward "${name}" at .* answers again`));
  }
  assert.deepEqual(system.adapter("r"), await expectedAdapter());
});

Deno.test("scores that cannot be used end the run by name; nothing of them is learned, and it ends the same", async () => {
  const servers = await theServers();
  using system = await systemOf(servers.terms());
  const cases: [Faults, RegExp][] = [
    [
      // Of the second step: each has four calls.
      { openrlhf: ["ok", "ok", "ok", "ok", "nan"] },
      /Reward "openrlhf", response \d of the batch: expected a finite number or null, got NaN/,
    ],
    [{ openrlhf: ["few"] }, /Reward "openrlhf": expected 2 scores, got 1/],
    [
      { inference: ["nan"] },
      /Reward "inference", response \d of the batch: expected a finite number or null, got NaN/,
    ],
    [{ inference: ["few"] }, /Reward "inference": .*output "SCORE" is FP32 \[1,1\] with 1 numbers/],
  ];
  for (const [at, [faults, message]] of cases.entries()) {
    await using _running = await servers.start(faults);
    assert.match(await fails(system, at === 0 ? "train" : "resume"), message);
    assert.equal(system.recorded("r").metrics.length, 1, "the first step alone is on record");
  }
  await using _running = await servers.start();
  await finish(system, "resume");
  assert.deepEqual(system.adapter("r"), await expectedAdapter());
});
