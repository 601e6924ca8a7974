import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, inferenceService, rewardService, RpcError } from "@decorum/rpc";
import { limitsOf, openReward } from "./testing/open_reward.ts";

/** Callers at once: ten times what the queue holds. */
const CALLERS = 160;
const LOAD_MS = 1500;
const DEADLINE_MS = 5000;
/** By when a call is answered once the load has ended. */
const RECOVERY_MS = 2000;

Deno.test("ten times the load it can bear: what is taken is answered, the rest is refused at once", async () => {
  await using reward = await openReward({
    limits: limitsOf({ max_queue_items: 16 }),
    batching: { max_items: 4, max_tokens: 128, max_delay_ms: 2 },
  });
  const { address } = reward.server;
  // Each call is made once: what a retry makes of a refusal is not the subject here.
  const once = { deadlineMs: DEADLINE_MS, retry: false };
  const { methods } = rewardService;
  using client = createClient({ ...rewardService, methods: { ...methods, Score: once } }, {
    address,
  });
  using triton = createClient({
    ...inferenceService,
    methods: { ...inferenceService.methods, ModelInfer: once },
  }, { address });
  const model = reward.folder.path.split("/").at(-1)!;
  const expected = await client.score({ items: [{ id: "x", response: "you fool" }] });
  let loading = true;
  const answers = new Map<string, number>();
  const refusedMs: number[] = [];
  const acceptedMs: number[] = [];
  const codes = new Map<string, number>();

  const call = async (id: string, byTriton: boolean): Promise<void> => {
    const began = performance.now();
    try {
      if (byTriton) {
        const inputs = [{
          ...{ name: "text", datatype: "BYTES", shape: [1] },
          contents: { bytesContents: [new TextEncoder().encode("you fool")] },
        }];
        const answer = await triton.modelInfer({ modelName: model, id, inputs });
        answers.set(answer.id, (answers.get(answer.id) ?? 0) + 1);
      } else {
        const { results } = await client.score({ items: [{ id, response: "you fool" }] });
        assert.ok(Math.abs(results[0]!.score - expected.results[0]!.score) <= 1e-5);
        answers.set(results[0]!.id, (answers.get(results[0]!.id) ?? 0) + 1);
      }
      acceptedMs.push(performance.now() - began);
    } catch (error) {
      assert.ok(error instanceof RpcError, `${error}`);
      refusedMs.push(performance.now() - began);
      assert.ok((error.pushbackMs ?? -1) >= 50, `${error.code}: ${error.details}`);
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
      await sleep(5);
    }
  };
  let calls = 0;
  const callers = Array.from({ length: CALLERS }, async (_, caller) => {
    for (let i = 0; loading; i++) {
      calls++;
      await call(`${caller}.${i}`, caller % 4 === 0);
    }
  });
  await sleep(LOAD_MS);
  loading = false;
  await Promise.all(callers);

  assert.equal(acceptedMs.length + refusedMs.length, calls, "a call was lost");
  assert.equal(answers.size, acceptedMs.length);
  assert.ok([...answers.values()].every((count) => count === 1), "a call was answered twice");
  assert.deepEqual([...codes.keys()].sort(), ["RESOURCE_EXHAUSTED", "UNAVAILABLE"]);
  assert.ok(acceptedMs.length >= 20, `only ${acceptedMs.length} calls were taken`);
  assert.ok(refusedMs.length > acceptedMs.length, `only ${refusedMs.length} calls were refused`);
  assert.ok(Math.max(...acceptedMs) < DEADLINE_MS);

  const ended = performance.now();
  await client.score({ items: [{ response: "you fool" }] }, { deadlineMs: RECOVERY_MS });
  const tookMs = performance.now() - ended;
  const { body } = await reward.metrics.render();
  assert.match(body, /decorum_queue_depth\{queue="score"\} 0/);
  const served = (code: string) => {
    const of = (kind: string) => {
      const labels = `rpc_method="${rewardService.name}/Score",rpc_status_code="${code}"`;
      return Number(
        new RegExp(`rpc_server_call_duration_seconds_${kind}\\{${labels}\\} (\\S+)`).exec(body)
          ?.[1],
      );
    };
    return 1000 * of("sum") / of("count");
  };
  console.log(
    `${calls} calls: ${acceptedMs.length} answered (${
      served("OK").toFixed(1)
    } ms in the server), ` +
      `${refusedMs.length} refused (${served("RESOURCE_EXHAUSTED").toFixed(1)} ms); ` +
      `the next one took ${tookMs.toFixed(0)} ms`,
  );
});
