import { InputError } from "@decorum/tensor";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, implement, rewardService, type rewardV1 } from "@decorum/rpc";
import { TextClassifier } from "@decorum/scoring";
import { createLogger } from "@decorum/telemetry";
import { type Ended, runDecorum, succeed } from "@decorum/testing/decorum";
import { TemporaryFolder } from "@decorum/testing/folder";
import { tinyClassifier } from "../testing/fixtures.ts";

interface Line {
  readonly text: string;
  readonly label: string;
  readonly score: number;
  readonly logits: Readonly<Record<string, number>>;
  readonly probabilities: Readonly<Record<string, number>>;
  readonly truncated: number;
}

const linesOf = ({ stdout }: Ended): Line[] =>
  stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Line);

Deno.test("score: texts, a file and standard input give the classifier's logits", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const texts = ["red one", "", "two  three ü", "blue"];
  const base = ["score", "--model", model, "--label", "number", "--threads", "1", "--batch", "3"];
  await using classifier = await TextClassifier.load(model, { runtime: { intraOpThreads: 1 } });
  const encode = (response: string) => classifier.encode({ response }, { truncate: false }, "");
  const expected = [
    ...await classifier.logits(texts.slice(0, 3).map(encode)),
    ...await classifier.logits(texts.slice(3).map(encode)),
  ];
  const piped = linesOf(await succeed(base, texts.join("\r\n") + "\n"));
  assert.deepEqual(piped.map(({ text }) => text), texts);
  piped.forEach(({ label, score, logits, probabilities, truncated }, i) => {
    const [colour, number] = expected[i]!;
    assert.deepEqual({ label, score, logits, truncated }, {
      label: "number",
      score: number!,
      logits: { colour: colour!, number: number! },
      truncated: 0,
    });
    const odds = Math.exp(number! - colour!);
    assert.ok(Math.abs(probabilities["number"]! - odds / (1 + odds)) < 1e-12);
  });
  assert.deepEqual(linesOf(await succeed([...base, ...texts])), piped);
  writeFileSync(folder.join("texts.txt"), texts.join("\n"));
  assert.deepEqual(linesOf(await succeed([...base, "--file", folder.join("texts.txt")])), piped);
});

Deno.test("score: long texts are refused by line, or cut and told", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const input = `red\n${"one ".repeat(40)}\n`;
  const refused = await runDecorum(["score", "--model", model], input);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /line 2 of standard input: it has \d+ tokens, at most 32/);
  const [short, long] = linesOf(await succeed(["score", "--model", model, "--truncate"], input));
  assert.equal(short!.truncated, 0);
  assert.ok(long!.truncated > 0);
  assert.equal(short!.label, "colour");
});

Deno.test("score: bad options are told at once, an unknown label and bad UTF-8 too", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const bad = await runDecorum(["score", "text", "--file", folder.join("none"), "--batch", "0"]);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /--batch is "0"[^]*--model is missing[^]*--file is[^]*texts and --file/);
  const label = await runDecorum(["score", "--model", model, "--label", "rude", "text"]);
  assert.equal(label.code, 2);
  assert.match(label.stderr, /--label is "rude": the classifier's labels are "colour", "number"/);
  const bytes = await runDecorum(["score", "--model", model], new Uint8Array([0x61, 0xff, 0x0a]));
  assert.equal(bytes.code, 1);
  assert.match(bytes.stderr, /standard input, line 1: it is not valid UTF-8/);
  const nobody = await runDecorum(["score", "--address", "127.0.0.1:9", "text"]);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /127\.0\.0\.1:9/);
});

Deno.test("score: pairs as JSON lines, with what names them", async () => {
  using folder = new TemporaryFolder();
  const model = tinyClassifier(folder);
  const lines = [
    '{"prompt":"why","response":"red one","id":9007199254740993}',
    '"red one"',
    "",
    '{"response":"x"}',
  ];
  writeFileSync(folder.join("pairs.jsonl"), lines.join("\n"));
  const base = ["score", "--model", model, "--threads", "1"];
  const ended = await succeed([...base, "--file", folder.join("pairs.jsonl")]);
  assert.match(ended.stdout, /"id":9007199254740993,/);
  const found = linesOf(ended);
  assert.deepEqual(found.map(({ score: _s, logits: _l, probabilities: _p, ...rest }) => rest), [
    { id: 9007199254740992, prompt: "why", response: "red one", label: "colour", truncated: 0 },
    { text: "red one", label: "colour", truncated: 0 },
    { response: "x", label: "colour", truncated: 0 },
  ]);
  const asked = linesOf(await succeed([...base, "--query", "why", "red one"]));
  assert.ok(Math.abs(asked[0]!.score - found[0]!.score) < 1e-6);
  assert.ok(Math.abs(found[1]!.score - found[0]!.score) > 1e-6);
  for (
    const [line, text] of [["{", /line 1 of standard input: /], ["[1]", /expected a JSON string/]]
  ) {
    const refused = await runDecorum([...base, "--jsonl"], line as string);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, text as RegExp);
  }
});

Deno.test("score: a reward service is asked in streams, no more than it takes", async () => {
  const streams: number[][] = [];
  const answer = ({ items, truncate }: rewardV1.ScoreRequest__Output): rewardV1.ScoreResponse => ({
    results: items.map(({ id, query, response }) => ({
      id,
      score: 0,
      logits: [response.length, query?.length ?? 0],
      probabilities: [0.25, 0.75],
      truncatedTokens: truncate ? 2 : 0,
    })),
    labels: ["length", "asked"],
    label: "length",
    modelVersion: "",
  });
  const handlers = {
    score: () => Promise.reject(new InputError("not in this test")),
    async *scoreStream(requests: AsyncIterable<rewardV1.ScoreStreamRequest__Output>) {
      const sizes: number[] = [];
      streams.push(sizes);
      for await (const { requestId, request } of requests) {
        const { items } = request!;
        if (items.some(({ response }) => response === "bad")) {
          throw new InputError(`Cannot score item "${items[0]!.id}"`);
        }
        sizes.push(items.length);
        yield { requestId, response: answer(request!) };
      }
    },
    getInfo: () =>
      Promise.resolve({
        labels: ["length", "asked"],
        defaultLabel: "asked",
        limits: { maxItems: 2, maxStreamItems: 4 },
      }),
  };
  const server = await createServer({
    address: "127.0.0.1:0",
    services: [implement(rewardService, handlers)],
    logger: createLogger({ service: "test", write: () => {} }),
  });
  server.setServing(true);
  try {
    const args = ["score", "--address", server.address, "--query", "why", "--truncate"];
    const texts = ["a", "bb", "ccc", "dddd", "eeeee"];
    const lines = linesOf(await succeed([...args, ...texts]));
    assert.deepEqual(streams, [[2, 2], [1]]);
    assert.deepEqual(lines.map(({ text }) => text), texts);
    assert.deepEqual(lines.at(-1), {
      text: "eeeee",
      label: "asked",
      score: 3,
      logits: { length: 5, asked: 3 },
      probabilities: { length: 0.25, asked: 0.75 },
      truncated: 2,
    });
    const refused = await runDecorum([...args, "bad"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot score item "text 1"/);
  } finally {
    await server.drain({ graceMs: 0 });
  }
});
