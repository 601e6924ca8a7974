import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rewardTerms } from "@decorum/rewards";
import { type Changes, ended, fixture } from "../testing/fixture.ts";

/** What a module does once it sees the prompt, and the error that ends the run. */
const cases: readonly (readonly [what: string, body: string, message: RegExp])[] = [
  ["throws", `throw new Error("not this one");`, /response \d of the batch: Error: not this one/],
  ["answers NaN", `return NaN;`, /response \d of the batch: .* finite number or null, got NaN/],
  ["loops for ever", `for (;;);`, /response \d of the batch: it took longer than 3 s .*, twice/],
  [
    "exhausts its memory",
    `for (const all = [];;) all.push(new Uint8Array(1e7).fill(1));`,
    /response \d of the batch: (its process used up the memory of|it holds more than) 128 MiB/,
  ],
  [
    "opens a file",
    `return Deno.readTextFileSync("/etc/hostname").length;`,
    /response \d of the batch: .*Requires read access to "\/etc\/hostname"/,
  ],
  [
    "opens a socket",
    `return Deno.connect({ hostname: "127.0.0.1", port: 9 });`,
    /response \d of the batch: .*Requires net access to "127.0.0.1:9"/,
  ],
];

/** A module that scores by length, and does something else for one prompt. */
const moduleOf = (prompt: string, body: string, shape = "scores") => `
  function special() { ${body} }
  export async function reward({ prompts, responses }) {
    const scores = [];
    for (let i = 0; i < responses.length; i++) {
      const length = responses[i].length / 10;
      scores.push(prompts[i] === ${JSON.stringify(prompt)} ? await special() ?? length : length);
    }
    return ${shape};
  }`;

Deno.test("a function of the user's that fails in mid-run is named with its response; mended, the run ends as one without", async (t) => {
  await using all = await fixture();
  const module = join(all.folder, "mine.ts");
  const changes: Changes = {
    other: {
      rewards: rewardTerms.parse([
        { name: "mine", kind: "code", module, time_limit_s: 3, memory_limit_mb: 128 },
      ]),
    },
  };
  const adapter = (runId: string) =>
    readFileSync(join(all.folder, "runs", runId, "adapter", "adapter_model.safetensors"));
  writeFileSync(module, moduleOf("", ""));
  const plain = await all.finished("plain", changes);
  assert.equal(plain.run.state, "SUCCEEDED", plain.run.message);
  const trainer = all.trainer(changes);
  const { prompt } = trainer.store.samples("plain", 2)[0]!;
  assert.ok(trainer.store.samples("plain", 1).every((sample) => sample.prompt !== prompt));

  let begun = false;
  const next = async (text: string) => {
    writeFileSync(module, text);
    const again = all.trainer(changes);
    await again.start({ runId: "r", configJson: "", resume: begun });
    begun = true;
    const found = await ended(again, "r");
    await again.close();
    return found;
  };
  const short = ["answers too few", "", /Reward "mine": expected 8 scores, got 7/] as const;
  for (const [what, body, message] of [...cases, short]) {
    await t.step(what, async () => {
      const shape = what === short[0]
        ? `prompts.includes(${JSON.stringify(prompt)}) ? scores.slice(1) : scores`
        : "scores";
      const { run, metrics } = await next(moduleOf(prompt, body, shape));
      assert.equal(run.state, "FAILED");
      assert.match(run.message, /Reward "mine"/);
      assert.match(run.message, message);
      assert.equal(metrics.length, 1, "the first step alone is on record");
    });
  }
  const mended = await next(moduleOf("", ""));
  assert.equal(mended.run.state, "SUCCEEDED", mended.run.message);
  assert.deepEqual(mended.metrics, plain.metrics);
  assert.deepEqual(adapter("r"), adapter("plain"));
});
