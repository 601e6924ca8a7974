import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import {
  createServer,
  implement,
  inferenceService,
  teiPredictService,
  unavailable,
} from "@decorum/rpc";
import { createLogger } from "@decorum/telemetry";
import { writeCertificates } from "@decorum/testing/certificates";
import { type RemoteReward, remoteSource } from "./remote.ts";
import { type RewardBatch, RewardError } from "./source.ts";

const persist = <T>(_: string, call: () => Promise<T>): Promise<T> => call();
const batch: RewardBatch = {
  prompts: ["p0 ", "p1 ", "p2 "],
  responses: ["a", "bb", "ccc"],
  references: ["x", null, "z"],
  rows: [{}, {}, {}],
};

const calls = {
  ...{ tls: null, insecure: false, token_file: null, batch_size: 2, concurrency: 2 },
  ...{ time_limit_s: 5, wait_limit_s: 30 },
} as const;

async function scoresOf(
  reward: RemoteReward,
  said: string[] = [],
  signal = new AbortController().signal,
) {
  await using source = remoteSource("theirs", reward);
  return (await source.score(batch, { signal, say: (message) => said.push(message), persist }))
    .scores;
}

interface Body {
  readonly inputs?: readonly string[][];
  readonly query: string[];
  readonly prompts: string[];
  readonly labels: string[];
}

async function withHttp<T>(
  answer: (body: Body, response: ServerResponse, request: IncomingMessage) => void,
  work: (address: string) => Promise<T>,
): Promise<T> {
  const server = createHttp((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
    request.on("end", () => answer(JSON.parse(text) as Body, response, request));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const { port } = server.address() as AddressInfo;
    return await work(`http://127.0.0.1:${port}/get_reward`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const lengths = ({ query, prompts }: Body) =>
  query.map((text, i) => text.length - prompts[i]!.length);
const rewards = (body: Body, response: ServerResponse) =>
  void response.end(JSON.stringify({ rewards: lengths(body), scores: [], extra_logs: {} }));

Deno.test("OpenRLHF's HTTP: batches, labels, a token; the answer in order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-token-"));
  try {
    writeFileSync(join(folder, "token"), "secret\n");
    const seen: [Body, string | undefined][] = [];
    const found = await withHttp(
      (body, response, request) => {
        seen.push([body, request.headers.authorization]);
        rewards(body, response);
      },
      (address) =>
        scoresOf({ kind: "openrlhf", address, ...calls, token_file: join(folder, "token") }),
    );
    assert.deepEqual(found, [1, 2, 3]);
    seen.sort(([a], [b]) => b.query.length - a.query.length);
    assert.deepEqual(seen.map(([body]) => body), [
      { query: ["p0 a", "p1 bb"], prompts: ["p0 ", "p1 "], labels: ["x", ""] },
      { query: ["p2 ccc"], prompts: ["p2 "], labels: ["z"] },
    ]);
    assert.deepEqual(seen.map(([, token]) => token), ["Bearer secret", "Bearer secret"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("a server with a fault or too much to do is waited for, and it is said once", async () => {
  let tries = 0;
  const said: string[] = [];
  const found = await withHttp((body, response) => {
    tries++;
    if (tries > 3) return rewards(body, response);
    response.statusCode = tries === 1 ? 500 : 429;
    response.end("busy");
  }, (address) => scoresOf({ kind: "openrlhf", address, ...calls, batch_size: 3 }, said));
  assert.deepEqual(found, [1, 2, 3]);
  assert.equal(said.length, 3, said.join("\n"));
  assert.match(said[0]!, /reward "theirs" at http.*answered 500: busy; waiting/);
  assert.match(said[2]!, /answers again/);
});

Deno.test("a server that does not answer in time is given up after its limit, by name", async () => {
  await withHttp(() => {}, async (address) => {
    const reward = { kind: "openrlhf", address, ...calls, time_limit_s: 0.2, wait_limit_s: 0.3 };
    await assert.rejects(
      scoresOf(reward as RemoteReward),
      (error) =>
        error instanceof RewardError &&
        /Reward "theirs": http.*did not answer for 0.2 s \(time_limit_s\)/.test(error.message),
    );
  });
});

Deno.test("a server that asks for more time than it is given is given up at once", async () => {
  await withHttp((_, response) => {
    response.writeHead(503, { "retry-after": "3600" }).end();
  }, async (address) => {
    await assert.rejects(
      scoresOf({ kind: "openrlhf", address, ...calls }),
      /Reward "theirs": http.*answered 503/,
    );
  });
});

Deno.test("answers that cannot be used are refused by term and response", async () => {
  const cases: [string, RegExp, number | undefined][] = [
    ['{"rewards": [1]}', /expected 3 scores, got 1/, undefined],
    ['{"rewards": [1, NaN, 2]}', /response 1 of the batch: .* or null, got NaN/, 1],
    ['{"rewards": 3}', /expected a list of 3 scores, got 3/, undefined],
    ['{"rewards": [1, 2, -Infinity]}', /response 2 of the batch: .* got -Infinity/, 2],
    ["{}", /expected \{"rewards"/, undefined],
    ["<html>", /expected JSON/, undefined],
  ];
  for (const [text, message, row] of cases) {
    await withHttp((_, response) => void response.end(text), async (address) => {
      const reward = { kind: "openrlhf", address, ...calls, batch_size: 3 } as const;
      await assert.rejects(scoresOf(reward), (error) => {
        assert.ok(error instanceof RewardError && message.test(error.message), String(error));
        assert.equal(error.row, row);
        return true;
      });
    });
  }
  // What it says beside the scores is not looked at.
  const said = String
    .raw`{"rewards": [1, 2, 3], "extra_logs": {"note": "\" NaN, -Infinity", "worst": NaN}}`;
  await withHttp((_, response) => void response.end(said), async (address) => {
    const reward = { kind: "openrlhf", address, ...calls, batch_size: 3 } as const;
    assert.deepEqual(await scoresOf(reward), [1, 2, 3]);
  });
  // A list alone, and a response that the reward does not apply to.
  await withHttp((_, response) => void response.end("[1, null, 2.5]"), async (address) => {
    const reward = { kind: "openrlhf", address, ...calls, batch_size: 3 } as const;
    assert.deepEqual(await scoresOf(reward), [1, null, 2.5]);
  });
});

Deno.test("OpenRLHF's HTTPS: the server is checked, and a certificate shown", async () => {
  using files = writeCertificates({ server: ["127.0.0.1"], trainer: ["127.0.0.1"] });
  const { certFile, keyFile, caFile } = files.tls("server");
  const shown: boolean[] = [];
  const server = createHttps({
    ...{ cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(caFile) },
    requestCert: true,
  }, (request, response) => {
    shown.push((request.socket as TLSSocket).authorized);
    response.end('{"rewards": [1, 2, 3]}');
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const { port } = server.address() as AddressInfo;
    const mine = files.tls("trainer");
    const reward = (ca: string) => ({
      ...{ kind: "openrlhf" as const, address: `https://127.0.0.1:${port}/`, ...calls },
      ...{ batch_size: 3, wait_limit_s: 0 },
      tls: { ca, cert: mine.certFile, key: mine.keyFile },
    });
    assert.deepEqual(await scoresOf(reward(caFile)), [1, 2, 3]);
    assert.deepEqual(shown, [true]);
    await assert.rejects(
      scoresOf(reward(join(files.folder, "other-ca.pem"))),
      (error) => error instanceof RewardError && /Reward "theirs": https/.test(error.message),
    );
    assert.equal(shown.length, 1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

Deno.test("plaintext to another machine is refused unless it is asked for", () => {
  const reward = { kind: "openrlhf", address: "http://10.0.0.1/get_reward", ...calls } as const;
  assert.throws(() => remoteSource("theirs", reward), /expected https.*set insecure/);
  assert.throws(() => remoteSource("theirs", { ...reward, address: "nowhere" }), /expected a URL/);
});

const notServed = (): never => {
  throw new Error("not in this test");
};
async function* noStream(): AsyncGenerator<never> {
  yield await Promise.reject(new Error("not in this test"));
}
/** A server that ends with its block. */
async function serving(services: Parameters<typeof createServer>[0]["services"]) {
  const logger = createLogger({ service: "test", write: () => {} });
  const server = await createServer({ address: "127.0.0.1:0", logger, services });
  server.setServing(true);
  return {
    address: `127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: async () => void await server.drain({ delayMs: 0, graceMs: 0 }),
  };
}

Deno.test("the Open Inference Protocol: names and shapes are settings; typed and raw answers", async () => {
  for (const raw of [false, true]) {
    let first = true;
    await using server = await serving([
      implement(inferenceService, {
        serverLive: notServed,
        serverReady: notServed,
        modelReady: notServed,
        serverMetadata: notServed,
        modelMetadata: notServed,
        modelStreamInfer: noStream,
        modelConfig: notServed,
        modelStatistics: notServed,
        repositoryIndex: notServed,
        modelInfer({ modelName, inputs }) {
          if (first) {
            first = false;
            throw unavailable("loading", 10);
          }
          assert.deepEqual(inputs.map(({ name }) => name), ["TEXT", "PROMPT"]);
          const texts = inputs[0]!.contents!.bytesContents.map((bytes) => `${bytes}`);
          assert.deepEqual(inputs[0]!.shape.map(Number), [texts.length, 1]);
          const values = texts.flatMap((text) => [0.5, text.length]);
          return Promise.resolve({
            modelName,
            outputs: [
              { name: "other", datatype: "FP32", shape: [texts.length] },
              {
                ...{ name: "SCORE", datatype: "FP32", shape: [texts.length, 2] },
                ...(raw ? {} : { contents: { fp32Contents: values } }),
              },
            ],
            rawOutputContents: raw
              ? [Buffer.alloc(4 * texts.length), Buffer.from(Float32Array.from(values).buffer)]
              : [],
          });
        },
      }),
    ]);
    const reward: RemoteReward = {
      ...{ kind: "inference" as const, address: server.address, ...calls },
      ...{ model: "m", model_version: "", inputs: { response: "TEXT", prompt: "PROMPT" } },
      ...{ input_shape: [-1, 1], output: { name: "SCORE", column: 1 } },
    };
    assert.deepEqual(await scoresOf(reward), [1, 2, 3]);
    await assert.rejects(
      scoresOf({ ...reward, output: { name: "none", column: 0 } }),
      /Reward "theirs": .*no output "none"; it has "other", "SCORE"/,
    );
  }
});

Deno.test("text-embeddings-inference: an expression of the labels it answers with", async () => {
  await using server = await serving([
    implement(teiPredictService, {
      predict({ inputs, rawScores }) {
        assert.equal(rawScores, true);
        return Promise.resolve({
          predictions: [{ label: "toxic", score: inputs.length }, { label: "ok", score: 0.5 }],
        });
      },
      predictPair: notServed,
      predictStream: noStream,
      predictPairStream: noStream,
    }),
  ]);
  const reward: RemoteReward = {
    ...{ kind: "tei" as const, address: server.address, ...calls },
    ...{ expression: '2 "ok" - "toxic"', raw_scores: true, input: "response" as const },
  };
  assert.deepEqual(await scoresOf(reward), [0, -1, -2]);
  await assert.rejects(
    scoresOf({ ...reward, expression: '"rude"' }),
    /no label "rude"; the labels/,
  );
});

Deno.test("text-embeddings-inference over HTTP: below the URL's path, responses or pairs, no empty text", async () => {
  const paths: (string | undefined)[] = [];
  const inputs: (readonly string[][] | undefined)[] = [];
  await withHttp((body, response, request) => {
    paths.push(request.url);
    inputs.push(body.inputs);
    response.end(JSON.stringify(body.inputs!.map((texts) => [
      { score: texts.join("").length, label: "toxic" },
      { score: 0.5, label: "ok" },
    ])));
  }, async (address) => {
    const reward = {
      ...{ kind: "tei" as const, address, ...calls, batch_size: 3 },
      ...{ expression: '2 "ok" - "toxic"', raw_scores: true },
    };
    assert.deepEqual(await scoresOf({ ...reward, input: "response" }), [0, -1, -2]);
    assert.deepEqual(await scoresOf({ ...reward, input: "pair" }), [-3, -4, -5]);
    await using source = remoteSource("theirs", { ...reward, input: "response" });
    const call = { signal: new AbortController().signal, say: () => {}, persist };
    await source.score({ ...batch, responses: ["", "a", ""] }, call);
  });
  assert.deepEqual(paths, Array(3).fill("/get_reward/predict"));
  assert.deepEqual(inputs, [
    [["a"], ["bb"], ["ccc"]],
    [["p0 ", "a"], ["p1 ", "bb"], ["p2 ", "ccc"]],
    [[" "], ["a"], [" "]],
  ]);
  for (const text of ["{}", '[{"score": 1, "label": "ok"}]', '[[{"score": "1", "label": "ok"}]]']) {
    await withHttp((_, response) => void response.end(text), async (address) => {
      const reward = {
        ...{ kind: "tei" as const, address, ...calls, batch_size: 3 },
        ...{ expression: '"ok"', raw_scores: true, input: "response" as const },
      };
      await assert.rejects(scoresOf(reward), /Reward "theirs": .*it answered .*expected \[\[/);
    });
  }
});
