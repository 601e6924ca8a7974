import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, policyService } from "@decorum/rpc";
import { RunStore } from "@decorum/runs";
import {
  Cluster,
  evaluatorName,
  learnerName,
  type Member,
  policyName,
  rewardName,
} from "./cluster.ts";
import type { Host, Network } from "./hosts.ts";

export interface Storm {
  readonly steps: number;
  /** Seconds for which a link is cut, and for which others are slow and lossy. */
  readonly seconds: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Three policies, two rewards and two learners, the last of each behind a relay, an evaluator and a trainer, each on a
 * machine of its own, and a calm run that others must equal.
 */
class Scene implements AsyncDisposable {
  readonly policies: [Host, Host, Host];
  readonly rewards: [Host, Host];
  readonly learners: [Host, Host];
  /** One serves; the other takes its place. */
  readonly evaluators: [Host, Host];
  /** In front of the last policy, the last reward and the last learner. */
  readonly relays: readonly [Member, Member, Member];
  readonly trainer: Host;
  readonly services = new Map<Host, Member>();
  readonly #relayed: readonly [Host, Host, Host];
  calm: Outcome | undefined;

  private constructor(readonly cluster: Cluster) {
    const host = () => cluster.network.host();
    this.policies = [host(), host(), host()];
    this.rewards = [host(), host()];
    this.learners = [host(), host()];
    this.evaluators = [host(), host()];
    this.trainer = host();
    this.#relayed = [host(), host(), host()];
    const [policy, reward, learner] = this.#relayed;
    this.relays = [
      cluster.relay(policy, this.policies[2]),
      cluster.relay(reward, this.rewards[1]),
      cluster.relay(learner, this.learners[1]),
    ];
  }

  static async open(steps: number): Promise<Scene> {
    const ppo = {
      ...{ batch_size: 8, mini_batch_size: 4, micro_batch_size: 1 },
      ...{ ppo_epochs: 1, learning_rate: 0.001 },
    };
    const scene = new Scene(new Cluster({ ppo: { ...ppo, steps, max_new_tokens: 12 } }));
    try {
      const { cluster, policies, rewards, learners, evaluators, trainer } = scene;
      const hosts = [...policies, ...rewards, ...learners, ...evaluators, trainer];
      await cluster.certify([...hosts, ...scene.#relayed]);
      await Promise.all(scene.relays.map(({ ready }) => ready));
      scene.name(policies);
      const serving = [...policies, ...rewards, ...learners, evaluators[0]];
      await Promise.all(serving.map((host) => scene.start(host)));
      const { messages, ...calm } = await scene.run("calm");
      assert.equal(messages, "");
      assert.ok(calm.measured.some(([step, name]) => step === steps && name === "eval/kl"));
      scene.calm = calm;
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get network(): Network {
    return this.cluster.network;
  }

  /** Starts the service of a machine. */
  async start(host: Host): Promise<void> {
    const role = this.evaluators.includes(host)
      ? "evaluator"
      : this.rewards.includes(host)
      ? "reward"
      : this.learners.includes(host)
      ? "learner"
      : "policy";
    const member = await this.cluster.start(role, host);
    this.services.set(host, member);
    await member.ready;
  }

  /** What the services' names stand for, from now on. */
  name(
    policies: readonly Host[],
    rewards: readonly Host[] = this.rewards,
    evaluator: Host = this.evaluators[0],
    learners: readonly Host[] = this.learners,
  ): void {
    const [policy, reward, learner] = this.#relayed;
    const through = new Map([
      [this.policies[2], policy],
      [this.rewards[1], reward],
      [this.learners[1], learner],
    ]);
    const reached = (hosts: readonly Host[]) =>
      hosts.map((host) => (through.get(host) ?? host).address);
    for (const one of this.evaluators) this.network.name(one, { [policyName]: reached(policies) });
    this.network.name(this.trainer, {
      [policyName]: reached(policies),
      [rewardName]: reached(rewards),
      [evaluatorName]: [evaluator.address],
      [learnerName]: reached(learners),
    });
  }

  /** As Kubernetes replaces a pod: it loses its place behind the name, drains, ends; another takes its place. */
  async replace(host: Host): Promise<void> {
    const others = (all: readonly Host[]) => all.filter((one) => one !== host);
    this.name(
      others(this.policies),
      others(this.rewards),
      this.evaluators[0],
      others(this.learners),
    );
    const member = this.services.get(host)!;
    member.signal("SIGTERM");
    // A learner is a Job's: it says that its part is not done.
    const code = this.learners.includes(host) ? 75 : 0;
    assert.equal(await member.ended, code, member.log().slice(-2000));
    await this.start(host);
    this.name(this.policies);
  }

  /** As Kubernetes replaces the only pod of a service: another is ready before it goes. */
  async replaceEvaluator(): Promise<void> {
    const [first, second] = this.evaluators;
    await this.start(second);
    this.name(this.policies, this.rewards, second);
    const member = this.services.get(first)!;
    member.signal("SIGTERM");
    assert.equal(await member.ended, 0, member.log().slice(-2000));
  }

  /** Runs to the end, however often the trainer is asked to end before: its Job starts it again. */
  async run(id: string, disturb?: (trainer: () => Member, reached: Reached) => Promise<void>) {
    using store = new RunStore(this.cluster.runs);
    let member = await this.cluster.start("trainer", this.trainer, id);
    let over = false;
    const job = async () => {
      for (;;) {
        const code = await member.ended;
        if (code !== 75) return code;
        member = await this.cluster.start("trainer", this.trainer, id);
      }
    };
    const ended = job().finally(() => (over = true));
    const reached = async (step: number) => {
      while ((store.run(id)?.step ?? 0) < step && !over) await pause(20);
      assert.ok(!over, `run ${id} ended before step ${step}: ${member.log().slice(-2000)}`);
    };
    await disturb?.(() => member, reached);
    const code = await ended;
    const row = store.run(id);
    const told = store.events(id).filter(({ kind }) => kind === "note" || kind === "service");
    const messages = told.map(({ message }) => message).join("\n");
    assert.equal(row?.state, "SUCCEEDED", `${row?.message}\n${member.log().slice(-3000)}`);
    assert.equal(code, 0);
    const measured = store.steps(id, 0).flatMap(({ step, metrics }) =>
      Object.entries(metrics).filter(([name]) => name.startsWith("eval/")).map((
        one,
      ) => [step, ...one])
    );
    return { bytes: adapterOf(this.cluster, id), measured, messages };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** What two runs of one seed have in common, bit for bit. */
interface Outcome {
  /** Files of the adapter. */
  readonly bytes: readonly string[];
  /** Step, metric and value of every evaluation. */
  readonly measured: readonly (readonly (string | number)[])[];
}

/** Resolves when a run has taken a step. @throws AssertionError when it ends before */
type Reached = (step: number) => Promise<void>;

/**
 * A stormy run: it begins with two policies, the third joins; links of a policy and of a learner are cut, others late by 200 ms,
 * others lose 5 % (as does a reward's), then a policy and a learner are killed for good, and the policy leaves. It must end with the calm run's adapter, and no policy with half
 * a push.
 */
export async function storm({ steps, seconds }: Storm): Promise<void> {
  await using scene = await Scene.open(steps);
  const { network, relays: [policy, , learner], rewards: [reward] } = scene;
  const { policies: [first, second, third], learners: [near, far] } = scene;
  scene.name([first, third]);
  const stormy = await scene.run("stormy", async (_, reached) => {
    await reached(1);
    scene.name(scene.policies);
    await reached(2);
    for (const relay of [policy, learner]) relay.say("delay 200");
    for (const host of [second, reward, far]) network.drop(host, 5);
    for (const host of [first, near]) network.drop(host, 100);
    await pause(1000 * seconds);
    for (const host of [first, second, reward, near, far]) network.drop(host, 0);
    for (const relay of [policy, learner]) relay.say("delay 0");
    await reached(Math.floor(steps / 2));
    scene.services.get(second)!.signal("SIGKILL");
    scene.services.get(near)!.signal("SIGKILL");
    await reached(Math.floor(steps / 2) + 2);
    scene.name([first, third]);
  });
  assert.deepEqual([stormy.bytes, stormy.measured], [scene.calm!.bytes, scene.calm!.measured]);
  assert.match(stormy.messages, new RegExp(`(waiting for|without) policy ${second.address}:50051`));
  assert.match(stormy.messages, new RegExp(`waiting for learner ${near.address}:50051`));
  const { cluster } = scene;
  const [a, b] = await Promise.all([first, third].map((host) => heldBy(cluster, host.address)));
  assert.equal(a!.version, steps + 1, stormy.messages);
  // One that was away at the very last push is behind by it; who has a version has all of it.
  if (b!.version === a!.version) assert.deepEqual(b, a, stormy.messages);
  else assert.match(stormy.messages, /without policy/, `policy at version ${b!.version}`);
}

/**
 * Every service is restarted in turn while a run continues: SIGTERM, drain, a new process. No call fails, no step is
 * lost, and the run ends with the calm run's adapter.
 */
export async function rollingRestart(steps: number): Promise<void> {
  await using scene = await Scene.open(steps);
  const { messages, ...rolled } = await scene.run("rolled", async (trainer, reached) => {
    await reached(1);
    const member = trainer();
    member.signal("SIGTERM");
    assert.equal(await member.ended, 75, member.log().slice(-2000));
    // Steps take seconds, whichever service is away: every one is replaced within the run.
    const [policy, reward] = scene.relays;
    policy.say("delay 150");
    reward.say("delay 500");
    for (const host of [...scene.policies, ...scene.rewards, ...scene.learners]) {
      await scene.replace(host);
    }
    await scene.replaceEvaluator();
    await reached(2);
    for (const relay of scene.relays) relay.say("delay 0");
  });
  assert.deepEqual(rolled, scene.calm);
  assert.match(messages, /^resumed from checkpoint step-\d+$/);
}

/** The newest weights that a policy holds of the stormy run. */
async function heldBy(cluster: Cluster, address: string) {
  const { ca, cert, key } = cluster.callerTls;
  const tls = { caFile: ca, certFile: cert, keyFile: key };
  using client = createClient(policyService, { address: `${address}:50051`, tls });
  const { current } = await client.getVersion({ runId: "stormy" });
  return { version: current?.version, sha256: Buffer.from(current!.sha256).toString("hex") };
}

function adapterOf(cluster: Cluster, runId: string): string[] {
  return ["adapter_model.safetensors", "model.safetensors"]
    .map((file) => join(cluster.runs, runId, "adapter", file)).filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "base64"));
}
