import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createClient, rewardService, type RpcClient, RpcError } from "@decorum/rpc";
import { randomKey, uniforms } from "@decorum/tensor";
import { randomClassifier } from "../../bench/random_classifier.ts";
import { letterTexts } from "../../bench/summary_texts.ts";
import { serviceProgram } from "../../cli/services.ts";
import { Supervisor } from "../../cli/supervisor.ts";

const MINUTES = Number(process.env["DECORUM_SOAK_MINUTES"] ?? 30);
const PRECISION = process.env["DECORUM_SOAK_PRECISION"] ?? "fp32";
const CALLERS = 16;
/** Parts of the time, the first two of which warm up: the runtime's arena and the engine's heap grow then. */
const PARTS = 12;
const WARM_UP_PARTS = 2;
const SAMPLE_MS = 500;

type Client = RpcClient<typeof rewardService>;
type Work = (client: Client, text: () => string) => Promise<unknown>;

const items = (count: number, text: () => string) =>
  Array.from({ length: count }, () => ({ response: text() }));

async function refused(call: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(call, (error) => error instanceof RpcError && error.code === code);
}

/** What callers do, and how often of 100 times. */
const mix: Readonly<Record<string, readonly [share: number, Work]>> = {
  "one text": [50, (client, text) => client.score({ items: items(1, text) })],
  "several texts": [15, (client, text) => client.score({ items: items(6, text) })],
  "a pair": [10, (client, text) => {
    const pair = { query: text(), response: text() };
    return client.score({ items: [pair], truncate: true });
  }],
  "a group as sent": [5, (client, text) => client.score({ items: items(8, text), asSent: true })],
  "a stream": [5, async (client, text) => {
    const requests = Array.from({ length: 12 }, (_, i) => ({
      requestId: `${i}`,
      request: { items: items(1 + i % 3, text) },
    }));
    const found: string[] = [];
    for await (const { requestId } of client.scoreStream(requests)) found.push(requestId);
    assert.deepEqual(found, requests.map(({ requestId }) => requestId));
  }],
  "one that leaves": [5, async (client, text) => {
    const call = client.score({ items: items(4, text) }, { signal: AbortSignal.timeout(5) });
    await call.catch((error) => assert.equal((error as RpcError).code, "CANCELLED"));
  }],
  "an unknown label": [
    5,
    (client, text) =>
      refused(client.score({ items: items(1, text), label: "none" }), "INVALID_ARGUMENT"),
  ],
  "too long a text": [
    5,
    (client) =>
      refused(client.score({ items: [{ response: "a".repeat(600) }] }), "INVALID_ARGUMENT"),
  ],
};

function pick(random: number): readonly [string, Work] {
  let left = 100 * random;
  for (const [name, [share, work]] of Object.entries(mix)) {
    left -= share;
    if (left < 0) return [name, work];
  }
  throw new Error("internal: the shares of the mix are not 100");
}

/**
 * Memory in MiB: `all` that is resident, and what of it is the process's own. The difference is the classifier's
 * mapped file, of which the system keeps as much as it likes.
 */
function memoryOf(pid: number): { readonly all: number; readonly own: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024;
  return { all: mib("VmRSS"), own: mib("RssAnon") + mib("VmSwap") };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

Deno.test(`${MINUTES} minutes of mixed load: every call as it should be, its own memory flat within 5 %`, async () => {
  const cache = mkdtempSync(join(tmpdir(), "decorum-soak-"));
  const log: string[] = [];
  const supervisor = new Supervisor({ onLine: (_name, line) => log.push(line) });
  try {
    await supervisor.start(serviceProgram("reward", {
      set: [
        "reward.listen=127.0.0.1:0",
        "reward.label=hate",
        "reward.threads=2",
        `reward.precision=${PRECISION}`,
        `reward.model=${randomClassifier(cache)}`,
      ],
    }));
    const pid = supervisor.pid("reward")!;
    using client = createClient(rewardService, { address: supervisor.address("reward") });
    const texts = letterTexts(4096);
    const end = performance.now() + MINUTES * 60_000;
    const counts = new Map<string, number>();
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      const key = randomKey(1, `caller ${caller}`);
      for (let turn = 0; performance.now() < end; turn++) {
        const [name, work] = pick(uniforms(key, turn, 1)[0]!);
        let next = caller * 257 + turn;
        await work(client, () => texts[next++ % texts.length]!);
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    });
    const load = Promise.all(callers);
    const parts: number[] = [];
    for (let part = 0; part < PARTS; part++) {
      const samples: ReturnType<typeof memoryOf>[] = [];
      const until = end - MINUTES * 60_000 * (1 - (part + 1) / PARTS);
      while (performance.now() < until) {
        await Promise.race([load, new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))]);
        samples.push(memoryOf(pid));
      }
      parts.push(median(samples.map(({ own }) => own)));
      const sum = [...counts.values()].reduce((total, n) => total + n, 0);
      console.log(
        `${((part + 1) * MINUTES / PARTS).toFixed(1)} min  ${
          parts.at(-1)!.toFixed(0)
        } MiB of its own, ${
          median(samples.map(({ all }) => all)).toFixed(0)
        } resident  ${sum} calls`,
      );
    }
    await load;
    console.log(Object.fromEntries(counts));
    const warm = parts.slice(WARM_UP_PARTS);
    const middle = median(warm);
    for (const part of warm) {
      assert.ok(Math.abs(part / middle - 1) <= 0.05, `memory in MiB: ${parts.map(Math.round)}`);
    }
    assert.equal(counts.size, Object.keys(mix).length, "all kinds of calls");
    assert.equal(supervisor.pid("reward"), pid, log.join("\n"));
  } finally {
    await supervisor.stop();
    rmSync(cache, { recursive: true, force: true });
  }
});
