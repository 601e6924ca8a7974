import assert from "node:assert/strict";
import { Deadline, DeadlineError } from "./deadline.ts";

Deno.test("a deadline aborts its signal after its time, unless it is restarted or disposed of", async () => {
  using late = new Deadline(5, "no data came");
  using parent = new Deadline(1e9, "nothing");
  using restarted = new Deadline(1e9, "nothing", parent.signal);
  restarted.restart();
  await new Promise((resolve) => late.signal.addEventListener("abort", resolve));
  assert.ok(late.signal.reason instanceof DeadlineError);
  assert.equal(late.signal.reason.message, "no data came for 0.005 s");
  assert.ok(!restarted.signal.aborted);
});

Deno.test("a deadline ends with its parents, with their reason", () => {
  const parent = new AbortController();
  using deadline = new Deadline(1e9, "nothing", parent.signal);
  parent.abort(new Error("stopped"));
  assert.match(String(deadline.signal.reason), /stopped/);
});
