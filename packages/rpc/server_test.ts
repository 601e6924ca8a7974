import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { resolveAddresses } from "./address.ts";
import { createClient } from "./client.ts";
import { askHealth } from "./health.ts";
import { resourceExhausted, type RpcError, unavailable } from "./errors.ts";
import { createServer, implement } from "./server.ts";
import { policyService, rewardService } from "./services.ts";
import { rewardHandlers, sleep, startFixture, tapLog } from "./testing/fixture.ts";

Deno.test("health says NOT_SERVING while loading and draining, also on its own port", async () => {
  const { logger } = tapLog();
  const server = await createServer({
    address: "127.0.0.1:0",
    healthAddress: "127.0.0.1:0",
    services: [implement(rewardService, rewardHandlers({}))],
    logger,
  });
  const { address, healthPort } = server;
  const probe = async (at: string) => (await askHealth({ address: at })).serving;
  assert.equal(await probe(address), false);
  server.setServing(true);
  assert.equal(await probe(`127.0.0.1:${healthPort}`), true);

  const drained = server.drain({ delayMs: 300, graceMs: 100 });
  assert.equal(await probe(address), false);
  server.setServing(true);
  assert.equal(server.serving, false);
  assert.deepEqual(await drained, { cutOff: 0 });
  await assert.rejects(probe(address), (e: RpcError) => e.code === "UNAVAILABLE");
});

Deno.test("health tells the version on both ports, a server without one tells none", async () => {
  const { logger } = tapLog();
  const common = {
    address: "127.0.0.1:0",
    services: [implement(rewardService, rewardHandlers({}))],
    logger,
  };
  const server = await createServer({ ...common, healthAddress: "127.0.0.1:0", version: "1.2.3" });
  const silent = await createServer(common);
  server.setServing(true);
  assert.deepEqual(await askHealth({ address: server.address }), {
    serving: true,
    version: "1.2.3",
  });
  const health = await askHealth({ address: `127.0.0.1:${server.healthPort}` });
  assert.equal(health.version, "1.2.3");
  const { version, serving } = await askHealth({ address: silent.address });
  assert.deepEqual([version, serving], [undefined, false]);
  for (const one of [server, silent]) await one.drain({ graceMs: 0 });
});

Deno.test("reflection lists the services unless it is switched off", async () => {
  const list = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      // ServerReflectionRequest { list_services = 7: "" }
      const call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        (bytes) => Buffer.from(bytes),
        (bytes) => bytes,
        new Metadata(),
      );
      call.on("data", (bytes: Uint8Array) => resolve(new TextDecoder().decode(bytes)));
      call.on("error", reject);
      call.on("status", () => client.close());
      call.write(new Uint8Array([0x3a, 0]));
      call.end();
    });
  await using on = await startFixture({});
  const listed = await list(on.server.port);
  assert.match(listed, /decorum\.policy\.v1\.PolicyService/);
  assert.match(listed, /decorum\.reward\.v1\.RewardService/);
  await using off = await startFixture({}, { reflection: false });
  await assert.rejects(list(off.server.port), /UNIMPLEMENTED/);
});

Deno.test("a port in use, a public plaintext address and a missing handler are said clearly", async () => {
  await using fixture = await startFixture({});
  const { logger } = tapLog();
  const open = (address: string, more: object = {}) =>
    createServer({
      address,
      logger,
      services: [implement(rewardService, rewardHandlers({}))],
      ...more,
    });
  await assert.rejects(open(fixture.server.address), /Cannot listen on 127.*EADDRINUSE.*choose/s);
  await assert.rejects(open("0.0.0.0:0"), /0\.0\.0\.0:0 in plaintext/);
  await assert.rejects(open("0.0.0.0:0", { insecure: true }), /table of who may call what/);
  await assert.rejects(
    open("127.0.0.1:0", { auth: { allow: { "decorum.reward.v1.RewardService/Scores": ["*"] } } }),
    /"decorum\.reward\.v1\.RewardService\/Scores" is not served here/,
  );
  const holed = implement(rewardService, { ...rewardHandlers({}), getInfo: undefined as never });
  await assert.rejects(
    createServer({ address: "127.0.0.1:0", logger, services: [holed] }),
    /RewardService\/GetInfo: expected a function "getInfo"/,
  );
  assert.throws(() => createClient(rewardService, { address: "reward:50051" }), /in plaintext/);
});

Deno.test("a drain finishes running calls, refuses new ones, and cuts off what takes too long", async () => {
  let finish = (): void => {};
  await using fixture = await startFixture({
    reward: {
      score: () => new Promise((resolve) => finish = () => resolve({ label: "done" })),
      async *scoreStream() {
        yield { requestId: "first" };
        await new Promise(() => {});
      },
    },
  });
  const { server, reward } = fixture;
  const running = reward.score({});
  const endless = reward.scoreStream([]);
  await endless.next();
  assert.equal(server.active, 2);
  const drained = server.drain({ graceMs: 1500 });
  await sleep(100);
  const refused = assert.rejects(
    reward.score({}, { deadlineMs: 5000 }),
    (e: RpcError) => e.code === "UNAVAILABLE",
  );
  await sleep(50);
  finish();
  assert.equal((await running).label, "done");
  await refused;
  const cut = (e: RpcError) => e.code === "UNAVAILABLE" && /the server ends/.test(e.message);
  await assert.rejects(endless.next(), cut);
  assert.deepEqual(await drained, { cutOff: 1 });
  assert.deepEqual(await server.drain(), { cutOff: 1 });
});

Deno.test("a call that meets a restarting server succeeds on the new one", async () => {
  await using first = await startFixture({});
  const { address } = first.server;
  const client = createClient(rewardService, { address });
  const { logger } = tapLog();
  await client.getInfo({}).catch(() => {});
  await first.server.drain({ graceMs: 0 });
  const answer = client.getInfo({});
  await sleep(150);
  const second = await createServer({
    address,
    logger,
    services: [
      implement(
        rewardService,
        rewardHandlers({ getInfo: () => Promise.resolve({ modelName: "b" }) }),
      ),
    ],
  });
  assert.equal((await answer).modelName, "b");
  client.close();
  await second.drain({ graceMs: 0 });
});

Deno.test("retries: UNAVAILABLE and pushed-back RESOURCE_EXHAUSTED, four attempts, never a commit", async () => {
  const times: Record<string, number[]> = {};
  const note = (name: string) => (times[name] ??= []).push(performance.now());
  await using fixture = await startFixture({
    reward: {
      getInfo: () =>
        note("info") < 3 ? Promise.reject(unavailable("loading")) : Promise.resolve({}),
      score({ label }) {
        const tries = note(label);
        if (label === "too long") throw resourceExhausted("6 MB of text");
        if (label === "queue" && tries > 1) return Promise.resolve({ label });
        throw resourceExhausted("queue full", 250);
      },
    },
    policy: {
      commitWeights() {
        note("commit");
        throw unavailable("busy");
      },
    },
  });
  await fixture.reward.getInfo({});
  assert.equal(times["info"]?.length, 3);
  assert.equal((await fixture.reward.score({ label: "queue" })).label, "queue");
  const [a = 0, b = 0] = times["queue"] ?? [];
  assert(b - a >= 240, `pushback of 250 ms, waited ${b - a}`);
  const code = (name: string) => (e: RpcError) => e.code === name;
  await assert.rejects(fixture.reward.score({ label: "full" }), code("RESOURCE_EXHAUSTED"));
  assert.equal(times["full"]?.length, 4);
  await assert.rejects(fixture.reward.score({ label: "too long" }), code("RESOURCE_EXHAUSTED"));
  assert.equal(times["too long"]?.length, 1);
  await assert.rejects(fixture.policy.commitWeights({}), code("UNAVAILABLE"));
  assert.equal(times["commit"]?.length, 1);
});

Deno.test("a name's calls go round its addresses", async () => {
  const seen = new Set<string>();
  const reward = (name: string) => ({ getInfo: () => Promise.resolve({ modelName: name }) });
  await using a = await startFixture({ reward: reward("a") });
  await using b = await startFixture({ reward: reward("b") });
  const address = `ipv4:127.0.0.1:${a.server.port},127.0.0.1:${b.server.port}`;
  const client = createClient(rewardService, { address });
  for (let i = 0; i < 20 && seen.size < 2; i++) {
    seen.add((await client.getInfo({})).modelName);
    await sleep(10);
  }
  client.close();
  assert.deepEqual([...seen].sort(), ["a", "b"]);
  assert.deepEqual(await resolveAddresses("127.0.0.1:5"), ["127.0.0.1:5"]);
  await assert.rejects(resolveAddresses("nowhere"), /expected "host:port"/);
});

Deno.test("a refused connection names the method, the address and what to look at", async () => {
  using client = createClient(policyService, { address: "127.0.0.1:1" });
  await assert.rejects(client.getModelInfo({}, { deadlineMs: 5000 }), (error: RpcError) => {
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(
      error.message,
      /PolicyService\/GetModelInfo at 127\.0\.0\.1:1: UNAVAILABLE: .*running/s,
    );
    return true;
  });
});
