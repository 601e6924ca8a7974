import assert from "node:assert/strict";
import { gone, servicesOf, startDecorum, until } from "@decorum/testing/decorum";
import { System } from "./testing/system.ts";

Deno.test("Ctrl-C ends `decorum up` and its services, cleanly", async () => {
  using system = await System.make();
  await using up = startDecorum(["up", "--config", system.config]);
  await up.said(/^trainer \S+:\d+$/m);
  const services = servicesOf(up.pid);
  assert.equal(services.size, 4);
  up.killGroup("SIGINT");
  const { code, stderr } = await up.ended;
  assert.equal(code, 130, stderr);
  assert.equal(stderr.match(/"message":"drained"/g)?.length, 4, stderr);
  assert.doesNotMatch(stderr, /second signal/);
  await gone(services.values());
});

Deno.test("SIGTERM ends `decorum up` while it starts", async () => {
  using system = await System.make();
  await using up = startDecorum(["up", "--config", system.config]);
  const services = await until(() => {
    const found = servicesOf(up.pid);
    return found.size === 4 && found;
  });
  up.kill("SIGTERM");
  const { code } = await up.ended;
  assert.equal(code, 143);
  await gone(services.values());
});

Deno.test("services of a `decorum up` that is killed end by themselves", async () => {
  using system = await System.make();
  await using up = startDecorum(["up", "--config", system.config]);
  await up.said(/^trainer \S+:\d+$/m);
  const services = servicesOf(up.pid);
  up.kill("SIGKILL");
  await gone(services.values());
});

Deno.test("Ctrl-C ends the demo in mid-run", async () => {
  using system = await System.make();
  await using demo = startDecorum(["demo", "--out", system.path("demo")]);
  await demo.said(/ 1\/60 /);
  const services = servicesOf(demo.pid);
  assert.equal(services.size, 4);
  demo.killGroup("SIGINT");
  const { code, stderr } = await demo.ended;
  assert.equal(code, 130, stderr);
  await gone(services.values());
});
