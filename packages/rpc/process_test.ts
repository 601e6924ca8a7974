import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { askHealth, createClient, rewardService } from "./mod.ts";

interface Child {
  readonly child: ChildProcess;
  /** The next line of standard output as JSON. */
  next(): Promise<Record<string, unknown>>;
  readonly exit: Promise<{ code: number | null; signal: string | null; errors: string }>;
}

function start(script: string, ...args: string[]): Child {
  const path = fileURLToPath(new URL(`testing/${script}`, import.meta.url));
  const child = spawn(process.execPath, ["run", "-A", "--no-check", path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let wake = (): void => {};
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text));
  const exit = new Promise<{ code: number | null; signal: string | null; errors: string }>(
    (resolve) => child.on("close", (code, signal) => resolve({ code, signal, errors })),
  );
  let closed = false;
  void exit.then(() => {
    closed = true;
    wake();
  });
  return {
    child,
    exit,
    async next() {
      while (lines.length === 0 && !closed) await new Promise<void>((resolve) => wake = resolve);
      const line = lines.shift();
      assert(line !== undefined, `${script} ended without a line: ${errors}`);
      return JSON.parse(line);
    },
  };
}

// denoland/deno#36788: from Deno 2.9.4 on, nghttp2 aborts the client's process when the GOAWAY comes.
Deno.test("a client process survives the GOAWAY of a server process that shuts down, and reconnects", async () => {
  const server = start("goaway_server.ts");
  const { port } = await server.next();
  const client = start("goaway_client.ts", String(port));
  const { before } = await client.next() as { before: { server?: string }[] };
  assert.equal(before.length, 13);
  assert(before.every((answer) => answer.server === `${server.child.pid}`));
  assert.deepEqual((await client.next())["away"], { error: "UNAVAILABLE" });
  assert.equal((await server.next())["ended"], true);
  assert.equal((await server.exit).code, 0);
  const second = start("goaway_server.ts", String(port));
  assert.equal((await second.next())["port"], port);
  assert.deepEqual((await client.next())["again"], { server: `${second.child.pid}` });
  const { code, signal, errors } = await client.exit;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, errors);
  process.kill(second.child.pid ?? 0, "SIGTERM");
  assert.equal((await second.exit).code, 0);
});

const serving = async (address: string) => (await askHealth({ address })).serving;

Deno.test("SIGTERM: not serving, the running call finishes, the process exits with 0", async () => {
  const server = start("goaway_server.ts");
  const address = `127.0.0.1:${(await server.next())["port"]}`;
  using client = createClient(rewardService, { address });
  await client.getInfo({});
  assert.equal(await serving(address), true);
  const running = client.score({});
  await new Promise((resolve) => setTimeout(resolve, 150));
  // Not child.kill: Deno then reports the signal as the way the child ended, whatever it did.
  process.kill(server.child.pid ?? 0, "SIGTERM");
  for (let i = 0; i < 20 && await serving(address).catch(() => false); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal((await running).label, "finished");
  assert.equal((await server.next())["ended"], true);
  const { code, signal, errors } = await server.exit;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, errors);
  assert.match(errors, /"message":"draining"/);
});
