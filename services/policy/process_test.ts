import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { askHealth, createClient, policyService } from "@decorum/rpc";
import { writePeftAdapter } from "@decorum/models";
import { packWeights, pushWeights } from "@decorum/fleet";
import { freeAddress } from "@decorum/testing/ports";
import type { ServiceProcess } from "@decorum/testing/process";
import { generate, group, prompts, settings, spawnPolicy } from "./testing/fixture.ts";
import { lora, randomWeights, TinyT5 } from "@decorum/testing/t5";

const quiet = ["telemetry.log_level=info", "telemetry.log_format=json"];

Deno.test("a policy's process", async (t) => {
  using folder = new TinyT5({ tokenizer: true });
  const weights = randomWeights(folder.model, "pushed");
  const startAdapter = join(folder.path, "adapter");
  const start = randomWeights(folder.model, "start");
  const isHead = (name: string) => name.startsWith("v_head.");
  writePeftAdapter(startAdapter, {
    config: lora,
    parameters: new Map([...start].filter(([name]) => !isHead(name))),
    valueHead: new Map([...start].filter(([name]) => isHead(name))),
  });
  const spawned = (...set: string[]) => spawnPolicy(...settings(folder.model), ...quiet, ...set);
  let expected: unknown;

  await t.step("serves, and on SIGTERM finishes what runs", async () => {
    const metricsAddress = await freeAddress();
    await using child = spawned(
      `policy.metrics_listen=${metricsAddress}`,
      `model.start_adapter=${startAdapter}`,
    );
    const address = await child.ready;
    using client = createClient(policyService, { address });
    assert.equal((await askHealth({ address })).serving, true);
    const { baseModelHash } = await client.getModelInfo({});

    // START is the configured adapter, not the base.
    const { current } = await client.getVersion({});
    assert.equal(`${current?.kind} ${current?.sha256.length}`, "WEIGHTS_KIND_START 32");
    const from = (kind: "BASE" | "START") =>
      generate(client, group({ weights: { kind: `WEIGHTS_KIND_${kind}` } }));
    assert.notDeepEqual((await from("START")).sequences, (await from("BASE")).sequences);

    const target = { runId: "r1", baseModelHash, expectedVersion: 0 };
    await pushWeights(client, packWeights(weights, lora), target);
    expected = (await generate(client, group())).sequences;

    const scrape = async () => await (await fetch(`http://${metricsAddress}/metrics`)).text();
    const metrics = await scrape();
    for (
      const name of [
        ...["decorum_queue_depth", "decorum_queue_tokens", "decorum_batch_size_count"],
        ...["decorum_policy_generated_tokens_total", "decorum_policy_weight_commit_seconds_count"],
        'decorum_policy_weights_version{run_id="r1"} 1',
      ]
    ) assert(metrics.includes(name), name);

    const long = group({
      prompts: prompts(8),
      sampling: { doSample: true, minNewTokens: 200, maxNewTokens: 200 },
      streamChunks: true,
    });
    const running = client.generate(long);
    const first = await running.next();
    const waiting = generate(client, group()).then(
      ({ sequences }) => sequences,
      (error: Error) => error.message,
    );
    while (!(await scrape()).includes('decorum_queue_depth{queue="generate"} 1')) {
      /* once more */
    }
    process.kill(child.pid, "SIGTERM");
    const messages = [first.value!];
    for await (const message of running) {
      messages.push(message);
    }
    const tokens = messages.flatMap(({ chunks }) => chunks.flatMap(({ tokenIds }) => tokenIds));
    assert.equal(tokens.length, 8 * 200);
    assert.deepEqual(await waiting, expected);
    const { code, errors } = await child.exit;
    assert.equal(code, 0, errors);
    assert.match(errors, /"cut_off":0.*"message":"drained"/);
  });

  await t.step("killed and started again, it takes the trainer's version as it comes", async () => {
    const address = await freeAddress();
    const listen = `policy.listen=${address}`;
    using client = createClient(policyService, { address });
    const packed = packWeights(weights, lora);
    const target = { runId: "r1", baseModelHash: "", expectedVersion: 6 };
    const serve = async (child: ServiceProcess) => {
      await child.ready;
      const { baseModelHash } = await client.getModelInfo({});
      const { version } = await pushWeights(client, packed, { ...target, baseModelHash });
      assert.equal(version, 7);
      return (await generate(client, group())).sequences;
    };
    {
      await using child = spawned(listen);
      assert.deepEqual(await serve(child), expected);
      process.kill(child.pid, "SIGKILL");
      await child.exit;
    }
    await using again = spawned(listen);
    assert.deepEqual(await serve(again), expected);
  });

  await t.step("a port in use is named", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await using child = spawned(`policy.listen=127.0.0.1:${port}`);
    const { code, errors } = await child.exit;
    server.close();
    assert.equal(code, 1);
    assert.match(errors, new RegExp(`Cannot listen on 127.0.0.1:${port}`));
  });

  await t.step("a model that is not there, and an adapter of another rank, are named", async () => {
    await using missing = spawned("model.name_or_path=does-not-exist");
    await using other = spawned(`model.start_adapter=${startAdapter}`, "model.lora.r=4");
    const gone = await missing.exit;
    assert.equal(gone.code, 1);
    assert.match(gone.errors, /there is no folder .*does-not-exist; set model.name_or_path/);
    const rank = await other.exit;
    assert.equal(rank.code, 1);
    assert.match(rank.errors, /it has r 3, lora_alpha 6.*model\.lora says r 4/);
    assert(existsSync(startAdapter));
  });

  await t.step("a bad configuration ends with code 2 and names every field", async () => {
    await using child = spawned("policy.limits.max_prompts=0", "policy.temperature=1");
    const { code, errors } = await child.exit;
    assert.equal(code, 2);
    assert.match(errors, /policy.limits.max_prompts is 0/);
    assert.match(errors, /policy\.temperature is unknown/);
  });
});
