import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { askHealth, createClient, rewardService } from "@decorum/rpc";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { spawnService } from "@decorum/testing/process";
import { freePort } from "./testing/free_port.ts";
import { openSocket } from "../../services/reward/testing/raw_call.ts";

const COUNT = 10_000;
const main = new URL("../../services/reward/main.ts", import.meta.url);

Deno.test("10,000 idle connections: calls are served, those above the bound are closed, the silent ones end", async () => {
  using folder = new TemporaryFolder();
  const httpPort = await freePort();
  await using child = spawnService(
    main,
    "reward.listen=127.0.0.1:0",
    `reward.http_listen=127.0.0.1:${httpPort}`,
    "reward.threads=1",
    "reward.label=hate",
    `reward.limits.max_connections=${COUNT + 10}`,
    `reward.model=${writeClassifier(folder.path)}`,
  );
  const address = await child.ready;
  const idle: Socket[] = [];
  for (let i = 0; i < COUNT; i++) idle.push(await openSocket(address));
  const score = async () => {
    assert.equal((await askHealth({ address })).serving, true);
    using client = createClient(rewardService, { address });
    await client.score({ items: [{ response: "you fool" }] });
  };
  const began = performance.now();
  await score();
  console.log(
    `with ${COUNT} idle connections a new one's call took ${performance.now() - began} ms`,
  );
  const more = await Promise.all(Array.from({ length: 50 }, () => openSocket(address)));
  await sleep(500);
  assert.ok(more.filter(({ destroyed }) => destroyed).length >= 40);
  // They answer no ping: 30 s until it is sent, 10 s until it is given up.
  for (let i = 0; i < 90 && idle.some(({ destroyed }) => !destroyed); i++) await sleep(1000);
  assert.equal(idle.filter(({ destroyed }) => !destroyed).length, 0);
  await score();
});

Deno.test("a body that comes too slowly is 408", async () => {
  using folder = new TemporaryFolder();
  const httpPort = await freePort();
  await using child = spawnService(
    main,
    "reward.listen=127.0.0.1:0",
    `reward.http_listen=127.0.0.1:${httpPort}`,
    "reward.threads=1",
    "reward.label=hate",
    `reward.model=${writeClassifier(folder.path)}`,
  );
  await child.ready;
  const head = "POST /get_reward HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  const socket = await openSocket(
    `127.0.0.1:${httpPort}`,
    new TextEncoder().encode(`${head}Content-Length: 100\r\n\r\n{`),
  );
  let found = "";
  socket.setEncoding("utf8").on("data", (text: string) => void (found += text));
  for (let i = 0; i < 45 && !socket.destroyed; i++) {
    socket.write(" ");
    await sleep(1000);
  }
  assert.match(found, /^HTTP\/1\.1 408 /);
  const health = await fetch(`http://127.0.0.1:${httpPort}/healthz`);
  assert.deepEqual(await health.json(), { status: "serving" });
});
