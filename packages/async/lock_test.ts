import assert from "node:assert/strict";
import { join } from "node:path";
import { isLocked, lockFile, tryLockFile } from "./lock.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a lock has one holder, and the next gets it when it is let go", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "deeper", "lock.db");
    assert.equal(isLocked(path), false);
    const first = tryLockFile(path);
    assert.ok(first);
    assert.equal(isLocked(path), true);
    assert.equal(tryLockFile(path), undefined);
    const waiting = lockFile(path);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    using second = await waiting;
    assert.ok(second);
    assert.equal(tryLockFile(path), undefined);
  });
});

Deno.test("the lock of a process that is killed is free", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "lock.db");
    const program = `import { tryLockFile } from ${
      JSON.stringify(import.meta.resolve("./lock.ts"))
    }; if (tryLockFile(${JSON.stringify(path)})) console.log("held"); setInterval(() => {}, 1e6);`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", program],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /held/);
    assert.equal(tryLockFile(path), undefined);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    using lock = tryLockFile(path);
    assert.ok(lock);
  });
});

Deno.test("a wait for a lock ends with its signal; a file that is no lock is an error", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "lock.db");
    using _ = tryLockFile(path);
    const stop = new AbortController();
    const waiting = assert.rejects(lockFile(path, stop.signal), /^Error: enough$/);
    stop.abort(new Error("enough"));
    await waiting;
    const text = join(folder, "notes.txt");
    await Deno.writeTextFile(text, "not a database ".repeat(100));
    assert.throws(() => tryLockFile(text), /Cannot take lock .*notes\.txt/);
  });
});
