import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { hubSettings, parseModelRepo, resolveFile, resolveModel } from "./mod.ts";
import { formatFile, parseHubFile } from "./source.ts";
import { TemporaryFolder } from "@decorum/testing/folder";
import { HubServer, type ServedRepo, TOKEN } from "@decorum/testing/hub";

const text = (value: string) => new TextEncoder().encode(value);
const weights = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 % 251);

const model: ServedRepo = {
  type: "model",
  name: "google/tiny",
  branches: ["v2"],
  files: new Map([
    ["README.md", text("# tiny")],
    ["config.json", text('{"model_type": "t5"}')],
    ["tokenizer.json", text("{}")],
    ["tokenizer_config.json", text("{}")],
    ["model.safetensors", weights],
    ["pytorch_model.bin", weights.slice(1)],
    ["onnx/model.onnx", text("onnx")],
  ]),
};
const data: ServedRepo = {
  type: "dataset",
  name: "someone/talks",
  files: new Map([["train.csv", text("a,b\n1,2\n")], ["test.csv", text("a,b\n")]]),
};
const closed: ServedRepo = { ...model, name: "google/secret", access: "private" };
const gated: ServedRepo = { ...model, name: "google/gated", access: "gated" };

async function withHub(
  body: (hub: HubServer, env: Record<string, string>, cache: string) => Promise<void>,
): Promise<void> {
  using home = new TemporaryFolder();
  await using hub = await HubServer.start([model, data, closed, gated]);
  await body(hub, { HF_ENDPOINT: hub.endpoint, HF_HOME: home.path }, home.join("hub"));
}

/** Files below a folder that a broken download would leave. */
function leftovers(cache: string): string[] {
  return readdirSync(cache, { recursive: true }).map(String).filter((name) =>
    /incomplete|tmp/.test(name)
  );
}

Deno.test("names of the hub, and paths", () => {
  assert.equal(parseModelRepo("packages/hub"), undefined, "a path that exists wins");
  assert.equal(parseModelRepo("/models/x"), undefined);
  assert.equal(parseModelRepo("a/b/c"), undefined);
  assert.equal(parseModelRepo("./a/b"), undefined);
  assert.deepEqual(parseModelRepo("google/flan-t5-base"), {
    type: "model",
    name: "google/flan-t5-base",
    revision: "main",
  });
  assert.equal(parseModelRepo("hf://a/b@refs/pr/1")?.revision, "refs/pr/1");
  assert.throws(() => parseModelRepo("hf://nonsense"), /expected hf:\/\/owner\/name/);
  assert.equal(parseHubFile("data/train.csv"), undefined);
  const file = parseHubFile("hf://datasets/a/b@v1/x/train.csv")!;
  assert.deepEqual(file, {
    repo: { type: "dataset", name: "a/b", revision: "v1" },
    path: "x/train.csv",
  });
  assert.equal(formatFile(file), "hf://datasets/a/b@v1/x/train.csv");
  assert.throws(() => parseHubFile("hf://datasets/a/b/../../x"), InputError);
});

Deno.test("settings are those of every Hugging Face tool", () => {
  const settings = hubSettings({ HOME: "/home/x" });
  assert.equal(settings.endpoint, "https://huggingface.co");
  assert.equal(settings.cacheDir, "/home/x/.cache/huggingface/hub");
  assert.equal(settings.offline, false);
  assert.equal(hubSettings({ HF_HOME: "/a", HF_HUB_CACHE: "/b" }).cacheDir, "/b");
  assert.equal(hubSettings({ HF_HUB_OFFLINE: "1" }).offline, true);
  assert.equal(hubSettings({ HF_TOKEN: "t" }).token, "t");
  assert.throws(
    () => hubSettings({ HF_ENDPOINT: "huggingface.co" }),
    /HF_ENDPOINT "huggingface.co"/,
  );
});

Deno.test("a model comes into the cache as huggingface_hub keeps it, once, and then offline", async () => {
  await withHub(async (hub, env, cache) => {
    const seen: number[] = [];
    const settings = hubSettings({ ...env, HF_TOKEN: TOKEN });
    const onProgress = ({ done, total }: { done: number; total: number }) =>
      seen.push(done / total);
    const { path, pinned } = await resolveModel("google/tiny@v2", { settings, onProgress });
    const commit = hub.commit(model);
    assert.equal(pinned, `google/tiny@${commit}`);
    assert.equal(path, join(cache, "models--google--tiny", "snapshots", commit));
    assert.deepEqual(readdirSync(path).sort(), [
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ], "no README, no second form of the weights");
    assert.ok(lstatSync(join(path, "config.json")).isSymbolicLink());
    assert.match(readlinkSync(join(path, "config.json")), /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    assert.deepEqual(new Uint8Array(readFileSync(join(path, "model.safetensors"))), weights);
    assert.equal(readFileSync(join(cache, "models--google--tiny/refs/v2"), "utf8"), commit);
    assert.equal(seen.at(-1), 1);
    assert.deepEqual(leftovers(cache), []);
    assert.ok(hub.seen.some(({ host }) => host === "cdn"));
    for (const { host, authorization } of hub.seen) {
      assert.equal(
        authorization,
        host === "cdn" ? undefined : `Bearer ${TOKEN}`,
        "the token stays with the hub",
      );
    }
    const asked = hub.seen.length;
    await resolveModel("google/tiny@v2", { settings });
    assert.ok(
      !hub.seen.slice(asked).some(({ path }) => path.includes("/resolve/")),
      "nothing comes twice",
    );
    const before = hub.seen.length;
    assert.equal(
      (await resolveModel(pinned, { settings })).path,
      path,
      "a commit is known for ever",
    );
    const offline = hubSettings({ ...env, HF_HUB_OFFLINE: "1" });
    assert.equal((await resolveModel("google/tiny@v2", { settings: offline })).path, path);
    assert.equal((await resolveModel(pinned, { settings: offline })).path, path);
    assert.equal(hub.seen.length, before);
    await assert.rejects(
      resolveModel("google/tiny", { settings: offline }),
      /Cannot get google\/tiny@main: HF_HUB_OFFLINE is set.*decorum download google\/tiny@main/,
    );
  });
});

Deno.test("a file of a dataset, and a hub that has gone since", async () => {
  const warnings: string[] = [];
  await withHub(async (hub, env) => {
    const settings = hubSettings(env);
    const name = "hf://datasets/someone/talks/train.csv";
    const { path, pinned } = await resolveFile(name, { settings });
    assert.equal(readFileSync(path, "utf8"), "a,b\n1,2\n");
    assert.equal(pinned, `hf://datasets/someone/talks@${hub.commit(data)}/train.csv`);
    await assert.rejects(
      resolveFile("hf://datasets/someone/talks/no.csv", { settings }),
      /Cannot get hf:\/\/datasets\/someone\/talks\/no\.csv: .*it has train\.csv, test\.csv/,
    );
    await hub[Symbol.asyncDispose]();
    const again = await resolveFile(name, { settings, onWarning: (line) => warnings.push(line) });
    assert.equal(again.path, path);
    assert.match(warnings.join(), /cannot be reached.*what the cache holds is used/);
    await assert.rejects(
      resolveModel("google/tiny", { settings }),
      /cannot be reached .*HF_ENDPOINT/,
    );
  });
});

Deno.test("a cut connection is taken up where it ended, in this process and in the next", async () => {
  await withHub(async (hub, env, cache) => {
    const settings = hubSettings(env);
    const from: number[] = [];
    hub.faults.cutAfter = (path, start) => {
      if (path !== "model.safetensors") return undefined;
      from.push(start);
      return from.length < 3 ? 100_000 : undefined;
    };
    const stopped = new AbortController();
    const first = resolveModel("google/tiny", {
      settings,
      signal: stopped.signal,
      onProgress: ({ path, done }) => {
        if (path === "model.safetensors" && done > 50_000) stopped.abort(new Error("killed"));
      },
    });
    await assert.rejects(first, /killed/);
    assert.equal(leftovers(cache).length, 1);
    const { path } = await resolveModel("google/tiny", { settings });
    assert.deepEqual(new Uint8Array(readFileSync(join(path, "model.safetensors"))), weights);
    assert.equal(from[0], 0);
    assert.ok(from.slice(1).every((start) => start > 0), `asked from ${from}`);
    assert.deepEqual(leftovers(cache), []);
  });
});

Deno.test("a server without ranges begins again", async () => {
  await withHub(async (hub, env) => {
    let cuts = 0;
    hub.faults.noRanges = true;
    hub.faults.cutAfter = (path) => path === "model.safetensors" && cuts++ === 0 ? 9000 : undefined;
    const { path } = await resolveModel("google/tiny", { settings: hubSettings(env) });
    assert.deepEqual(new Uint8Array(readFileSync(join(path, "model.safetensors"))), weights);
  });
});

Deno.test("what the hub refuses is said, and nothing is left", async () => {
  await withHub(async (hub, env, cache) => {
    const settings = hubSettings(env);
    const refused = (name: string, message: RegExp, token?: string) =>
      assert.rejects(
        resolveModel(name, { settings: token === undefined ? settings : { ...settings, token } }),
        message,
      );
    await refused("google/tiny@v9", /google\/tiny@v9 .*no revision "v9" \(404\)/);
    await refused(
      "google/none",
      /google\/none@main .*401, it is private or does not exist.*HF_TOKEN.*; nor is there a folder .*google\/none$/,
    );
    await refused("google/none", /it does not exist \(404\)/, TOKEN);
    await refused("google/secret", /401.*no token was sent: set HF_TOKEN/);
    await refused("google/secret", /401.*check HF_TOKEN/, "wrong");
    await refused("google/gated", /gated \(401\): ask for access/);
    await resolveModel("google/secret", { settings: { ...settings, token: TOKEN } });
    hub.faults.status = (path) => path === "config.json" ? 403 : undefined;
    await refused("google/tiny", /403/);
    hub.faults.status = () => undefined;
    hub.faults.corrupt = (path) => path === "model.safetensors";
    await refused(
      "google/tiny",
      /Cannot keep model\.safetensors of google\/tiny: its checksum is .* says/,
    );
    assert.deepEqual(leftovers(cache), []);
    assert.ok(
      !existsSync(join(cache, "models--google--tiny", "refs")),
      "no ref to what is not whole",
    );
    hub.faults.corrupt = () => false;
    await resolveModel("google/tiny", { settings });
  });
});

Deno.test("two at once: each gets it, one downloads", async () => {
  await withHub(async (hub, env) => {
    const settings = hubSettings(env);
    const [a, b] = await Promise.all([1, 2].map(() => resolveModel("google/tiny", { settings })));
    assert.equal(a!.path, b!.path);
    const fetched = hub.seen.filter(({ path }) => /cdn|model\.safetensors\?/.test(path));
    assert.equal(fetched.length, 1);
  });
});
