import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CodeReward, codeSource } from "./code.ts";
import { type RewardBatch, RewardError } from "./source.ts";

const persist = <T>(_: string, call: () => Promise<T>): Promise<T> => call();
const batch: RewardBatch = {
  prompts: ["p0", "p1", "p2"],
  responses: ["a", "bb", "ccc"],
  references: ["x", null, "z"],
  rows: [{ n: 1 }, { n: 2 }, { n: 3 }],
};

type Options = Partial<Omit<CodeReward, "allow">> & {
  readonly allow?: Partial<CodeReward["allow"]>;
};

async function withModule<T>(
  files: Readonly<Record<string, string>> | string,
  work: (source: ReturnType<typeof codeSource>, folder: string, said: string[]) => Promise<T>,
  options: Options = {},
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "decorum-code-"));
  try {
    const all = typeof files === "string" ? { "reward.ts": files } : files;
    for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
    await using source = codeSource("mine", {
      ...{ module: join(folder, "reward.ts"), export: "reward" },
      ...{ time_limit_s: 20, memory_limit_mb: 256, ...options },
      allow: { read: [], net: [], env: [], npm: false, ...options.allow },
    });
    return await work(source, folder, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function call(said: string[] = []) {
  return {
    signal: new AbortController().signal,
    say: (message: string) => said.push(message),
    persist,
  };
}

function refused(
  files: string,
  message: RegExp,
  row: number | undefined,
  options: Options = {},
): Promise<void> {
  return withModule(files, async (source) => {
    await assert.rejects(source.score(batch, call()), (error) => {
      assert.ok(error instanceof RewardError, String(error));
      assert.match(error.message, message);
      assert.equal(error.row, row, error.message);
      assert.equal(error.term, "mine");
      return true;
    });
  }, options);
}

Deno.test("a function of the user's scores a batch, its local imports with it; what it prints is no answer", async () => {
  await withModule({
    "reward.ts": `
      import { longer } from "./helper.ts";
      export async function reward({ responses, references, rows }) {
        console.log("[1,2,3]");
        await Promise.resolve();
        return responses.map((text, i) => references[i] === null ? null : longer(text) + rows[i].n);
      }`,
    "helper.ts": `export const longer = (text: string): number => text.length * 10;`,
  }, async (source) => {
    assert.deepEqual((await source.score(batch, call())).scores, [11, null, 33]);
    assert.deepEqual((await source.score(batch, call())).scores, [11, null, 33]);
  });
});

Deno.test("its version is that of the module and what it imports", async () => {
  const files = {
    "reward.ts":
      `import { one } from "./helper.ts"; export const reward = (b) => b.prompts.map(() => one);`,
    "helper.ts": `export const one = 1;`,
  };
  const versions = [];
  for (
    const helper of ["export const one = 1;", "export const one = 1;", "export const one = 2;"]
  ) {
    versions.push(
      await withModule({ ...files, "helper.ts": helper }, (source) => source.version(call())),
    );
  }
  assert.equal(versions[0], versions[1]);
  assert.notEqual(versions[0], versions[2]);
});

Deno.test("a throw names the row, as does a score that is no number", async () => {
  await refused(
    `export function reward({ responses }) {
       return responses.map((r) => { if (r === "bb") throw new Error("no bb"); return 1; });
     }`,
    /Reward "mine", response 1 of the batch: Error: no bb/,
    1,
  );
  await refused(
    `export const reward = ({ responses }) => responses.map((r) => r === "ccc" ? NaN : 1);`,
    /response 2 of the batch: expected a finite number or null, got NaN/,
    2,
  );
  await refused(
    `export const reward = ({ responses }) => responses.map(() => "1");`,
    /response 0 .* got string/,
    0,
  );
  await refused(`export const reward = () => [1];`, /expected 3 scores, got 1/, undefined);
  await refused(`export const reward = () => {};`, /expected a list of 3 scores/, undefined);
});

Deno.test("a module that cannot be loaded says why", async () => {
  await refused(
    `export const other = 1;`,
    /exports no function "reward"; it exports other/,
    undefined,
  );
  await refused(`export const reward = ;`, /cannot load .*reward\.ts/, undefined);
  await refused(`import "npm:left-pad"; export const reward = 1;`, /npm/, undefined);
});

Deno.test("it may open no file, socket or process that it was not granted", async () => {
  await refused(
    `export const reward = () => [Deno.readTextFileSync("/etc/hostname"), 1, 1];`,
    /Requires read access to "\/etc\/hostname".*grant it under "allow"/,
    0,
  );
  await refused(
    `export const reward = async () => { await fetch("http://127.0.0.1:50999/"); return [1, 1, 1]; };`,
    /Requires net access/,
    0,
  );
  await refused(
    `export const reward = () => [Deno.env.get("HOME"), 1, 1];`,
    /Requires env access/,
    0,
  );
  await refused(
    `export const reward = () => { new Deno.Command("ls").outputSync(); return [1, 1, 1]; };`,
    /Requires run access/,
    0,
  );
});

Deno.test("what is granted works", async () => {
  const server = createServer((_, response) => response.end("7"));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  try {
    await withModule(
      `export const reward = async ({ responses }) => {
         const text = await (await fetch("http://127.0.0.1:${port}/")).text();
         return responses.map(() => Number(text));
       };`,
      async (source) => assert.deepEqual((await source.score(batch, call())).scores, [7, 7, 7]),
      { allow: { net: [`127.0.0.1:${port}`] } },
    );
  } finally {
    server.close();
  }
});

Deno.test("an endless loop is ended, tried once more, and the row is named", async () => {
  await refused(
    `export function reward({ responses }) {
       for (const r of responses) while (r === "ccc") {}
       return responses.map(() => 1);
     }`,
    /response 2 of the batch: it took longer than 2 s \(time_limit_s\), twice/,
    2,
    { time_limit_s: 2 },
  );
});

Deno.test("memory that is used up ends its process, not this one", async () => {
  const message =
    /response 1 of the batch: (its process used up the memory of|it holds more than) 128 MiB/;
  await refused(
    `export function reward({ responses }) {
       const all = [];
       for (const r of responses) while (r === "bb") all.push(new Array(1e5).fill(all.length));
       return responses.map(() => 1);
     }`,
    message,
    1,
    { memory_limit_mb: 128 },
  );
  await refused(
    `export function reward({ responses }) {
       const all = [];
       for (const r of responses) while (r === "bb") all.push(new Uint8Array(1e7).fill(1));
       return responses.map(() => 1);
     }`,
    /response 1 of the batch: it holds more than 128 MiB/,
    1,
    { memory_limit_mb: 128 },
  );
});

Deno.test("a process that ended is started again, and the batch has its scores", async () => {
  const said: string[] = [];
  await withModule(
    `export function reward({ responses }) {
       try { Deno.readTextFileSync(import.meta.dirname + "/again"); } catch { Deno.exit(3); }
       return responses.map(() => 5);
     }`,
    async (source, folder) => {
      const again = join(folder, "again");
      const scores = source.score(batch, {
        ...call(),
        say: (message) => {
          said.push(message);
          writeFileSync(again, "");
        },
      });
      assert.deepEqual((await scores).scores, [5, 5, 5]);
    },
    { allow: { read: [tmpdir()] } },
  );
  assert.match(said.join(), /its process ended with code 3; its process is started again/);
});
