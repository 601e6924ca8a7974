import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, policyService } from "@decorum/rpc";
import { RunStore } from "../../../services/trainer/run_store.ts";
import { Cluster, policyName, rewardName } from "./cluster.ts";
import type { Host } from "./hosts.ts";

export interface Storm {
  readonly steps: number;
  /** Seconds for which a link is cut, and for which others are slow and lossy. */
  readonly seconds: number;
}

type ThreeHosts = [Host, Host, Host];
type FourHosts = [...ThreeHosts, Host];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A calm run with three policies and two rewards, and a stormy one with the same seed: it begins with two policies, the third
 * joins; a link is cut, another late by 200 ms, another loses 5 % (as does a reward's), then a policy is killed for good and
 * leaves. Both must end with the same adapter, and no policy with half a push.
 */
export async function weather({ steps, seconds }: Storm): Promise<void> {
  const ppo = { batch_size: 8, mini_batch_size: 4, ppo_epochs: 1, learning_rate: 0.001 };
  await using cluster = new Cluster({ ppo: { ...ppo, steps, max_new_tokens: 12 } });
  const { network } = cluster;
  const [first, second, third, relayed] = [0, 1, 2, 3].map(() => network.host()) as FourHosts;
  const [reward1, reward2, trainer] = [0, 1, 2].map(() => network.host()) as ThreeHosts;
  const hosts = [first, second, third, relayed, reward1, reward2, trainer];
  await cluster.certify(hosts);
  const roles = [first, second, third, reward1, reward2];
  const services = await Promise.all(
    roles.map((host, i) => cluster.start(i < 3 ? "policy" : "reward", host)),
  );
  const relay = cluster.relay(relayed, third);
  await Promise.all([...services, relay].map(({ ready }) => ready));
  /** The third policy is reached through the relay. */
  const name = (...policies: Host[]) =>
    network.name(trainer, {
      [policyName]: policies.map(({ address }) => address),
      [rewardName]: [reward1.address, reward2.address],
    });
  const run = async (
    id: string,
    disturb?: (reached: (step: number) => Promise<void>) => Promise<void>,
  ) => {
    const member = await cluster.start("trainer", trainer, id);
    let code: number | null | undefined;
    const ended = member.ended.then((found) => (code = found));
    await Promise.race([member.ready, ended]);
    using store = new RunStore(cluster.runs);
    const reached = async (step: number) => {
      while ((store.run(id)?.step ?? 0) < step && code === undefined) await pause(20);
      assert.equal(
        code,
        undefined,
        `run ${id} ended before step ${step}: ${member.log().slice(-2000)}`,
      );
    };
    await disturb?.(reached);
    await ended;
    const row = store.run(id);
    const messages = store.events(id).map(({ message }) => message).join("\n");
    assert.equal(row?.state, "SUCCEEDED", `${row?.message}\n${member.log().slice(-3000)}`);
    assert.equal(code, 0);
    return { bytes: adapterOf(cluster, id), messages };
  };

  name(first, second, relayed);
  const calm = await run("calm");

  name(first, relayed);
  const stormy = await run("stormy", async (reached) => {
    await reached(1);
    name(first, second, relayed);
    await reached(2);
    relay.say("delay 200");
    network.drop(second, 5);
    network.drop(reward1, 5);
    network.drop(first, 100);
    await pause(1000 * seconds);
    network.drop(first, 0);
    relay.say("delay 0");
    network.drop(reward1, 0);
    await reached(Math.floor(steps / 2));
    services[1]!.signal("SIGKILL");
    await reached(Math.floor(steps / 2) + 2);
    name(first, relayed);
  });
  assert.deepEqual(stormy.bytes, calm.bytes);
  assert.equal(calm.messages, "");
  assert.match(stormy.messages, new RegExp(`without policy ${second.address}:50051`));
  const [a, b] = await Promise.all([first, third].map((host) => heldBy(cluster, host.address)));
  assert.equal(a!.version, steps + 1, stormy.messages);
  assert.deepEqual(b, a);
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
