import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { askHealth, createClient, rewardService } from "@decorum/rpc";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { spawnService } from "@decorum/testing/process";

const spawn = (...settings: string[]) =>
  spawnService(
    new URL("./main.ts", import.meta.url),
    "reward.listen=127.0.0.1:0",
    "reward.threads=1",
    ...settings,
  );

Deno.test("a reward's process", async (t) => {
  using folder = new TemporaryFolder();
  const model = `reward.model=${writeClassifier(folder.path)}`;

  await t.step("serves, and on SIGTERM finishes what runs", async () => {
    await using child = spawn(model, "reward.label=hate", "reward.batching.max_delay_ms=1000");
    const address = await child.ready;
    assert.equal((await askHealth({ address })).serving, true);
    using client = createClient(rewardService, { address });
    const asSent = await client.score({ items: [{ response: "you fool" }], asSent: true });
    const waiting = client.score({ items: [{ response: "you fool" }] });
    await client.getInfo({});
    process.kill(child.pid, "SIGTERM");
    assert.deepEqual(await waiting, asSent);
    const { code, errors } = await child.exit;
    assert.equal(code, 0, errors);
  });

  await t.step("a bad configuration ends with code 2 and names what is wrong", async () => {
    await using fields = spawn(model, "reward.limits.max_items=0", "reward.threshold=1");
    await using label = spawn(model, "reward.label=toxic");
    const { code, errors } = await fields.exit;
    assert.equal(code, 2, errors);
    assert.match(errors, /reward.limits.max_items is 0[^]*reward\.threshold is unknown/);
    const unknown = await label.exit;
    assert.equal(unknown.code, 2, unknown.errors);
    assert.match(
      unknown.errors,
      /reward.label is "toxic": expected a label of .* "nothate", "hate/,
    );
  });

  await t.step("a port in use and a model that is not there end with code 1", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await using taken = spawn(model, `reward.listen=127.0.0.1:${port}`);
    await using missing = spawn(`reward.model=${folder.join("nowhere")}`);
    const { code, errors } = await taken.exit;
    server.close();
    assert.equal(code, 1);
    assert.match(errors, new RegExp(`Cannot listen on 127.0.0.1:${port}`));
    const gone = await missing.exit;
    assert.equal(gone.code, 1);
    assert.match(gone.errors, /there is no folder .*nowhere/);
  });
});
