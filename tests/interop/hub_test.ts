import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hubSettings, resolveModel } from "@decorum/hub";
import { HubServer, type ServedRepo } from "@decorum/testing/hub";
import { ensurePython } from "./python_env.ts";

const here = dirname(fileURLToPath(import.meta.url));
const bytes = (text: string) => new TextEncoder().encode(text);
const repo = (name: string): ServedRepo => ({
  type: "model",
  name,
  files: new Map([
    ["config.json", bytes(`{"model_type": "t5", "_name_or_path": "${name}"}`)],
    ["model.safetensors", Uint8Array.from({ length: 50_000 }, (_, i) => i % 253)],
    ["tokenizer.json", bytes("{}")],
    ["tokenizer_config.json", bytes("{}")],
  ]),
});

Deno.test("one cache for huggingface_hub and Decorum, both ways", async () => {
  const python = await ensurePython();
  const home = mkdtempSync(join(tmpdir(), "decorum-hub-"));
  try {
    await using hub = await HubServer.start([repo("some/ours"), repo("some/theirs")]);
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: home };
    const ours = await resolveModel("some/ours", { settings: hubSettings(env) });
    const { stdout } = await promisify(execFile)(
      python,
      [join(here, "hub_download.py"), "some/theirs", "some/ours"],
      { env: { ...process.env, ...env, HF_HUB_OFFLINE: "0", HF_HUB_DISABLE_XET: "1" } },
    );
    const { downloaded, found } = JSON.parse(stdout) as { downloaded: string; found: string };
    assert.equal(found, ours.path);
    const offline = hubSettings({ ...env, HF_HUB_OFFLINE: "1" });
    const theirs = await resolveModel("some/theirs", { settings: offline });
    assert.equal(theirs.path, downloaded);
    assert.match(readFileSync(join(theirs.path, "config.json"), "utf8"), /some\/theirs/);
  } finally {
    rmSync(home, { recursive: true });
  }
});
