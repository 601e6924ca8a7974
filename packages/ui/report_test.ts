import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { RunStore } from "@decorum/runs";
import { TemporaryFolder } from "@decorum/testing/folder";
import { reportOf } from "./report.ts";
import { storeSource } from "./store_source.ts";

Deno.test("a report is one file that fetches nothing, and texts in it stay texts", async () => {
  using folder = new TemporaryFolder();
  {
    using store = new RunStore(folder.path);
    store.createRun({
      ...{ runId: "r", totalSteps: 3, startedMs: 5, configHash: "h" },
      configJson: '{"seed":1,"api_key":"very-secret"}',
    });
    const hostile = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>";
    const sample = { prompt: hostile, response: hostile, score: 1 };
    for (const step of [1, 2, 3]) {
      const metrics = { "objective/kl": step, "ppo/nothing": NaN };
      store.recordStep("r", { step, unixMs: step, metrics }, [sample]);
    }
    store.addEvent("r", { step: 3, unixMs: 4, kind: "note", message: hostile });
  }
  using source = storeSource(folder.path);
  const html = await reportOf(source, "r");
  assert.doesNotMatch(html, /<(link|iframe|img|object|embed|form)\b|@import|url\(/i);
  assert.doesNotMatch(html, /\s(src|srcset|action|data|xlink:href)\s*=\s*["']/i);
  assert.ok(!html.includes("very-secret"));

  const data = JSON.parse(between(html, 'id="report">', "</script>"));
  assert.deepEqual(Object.keys(data.samples), ["1", "2", "3"]);
  assert.match(data.samples[3][0].prompt, /^<\/script><script>alert/);
  assert.deepEqual(data.curves.curves.map(({ name }: { name: string }) => name), [
    ...["objective/kl", "ppo/nothing"],
  ]);

  const policy = between(html, 'Content-Security-Policy" content="', '"');
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  const inline = [...html.matchAll(/<(?:script|style)>([\s\S]*?)<\/(?:script|style)>/g)];
  assert.equal(inline.length, 3);
  for (const [, text = ""] of inline) {
    const hash = createHash("sha256").update(text).digest("base64");
    assert.ok(policy.includes(`'sha256-${hash}'`), text.slice(0, 40));
  }
  await assert.rejects(reportOf(source, "none"), /There is no run "none"/);
});

function between(text: string, before: string, after: string): string {
  const from = text.indexOf(before) + before.length;
  return text.slice(from, text.indexOf(after, from));
}
