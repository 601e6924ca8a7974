import assert from "node:assert/strict";
import { GraphBuilder } from "@decorum/onnx";
import { float32, int64, normals, randomKey, type Tensor, tensor, uniforms } from "@decorum/tensor";
import { numbers, run } from "@decorum/testing/graph";
import { sample, samplerInputs } from "./sampler.ts";

interface Settings {
  readonly doSample?: boolean;
  readonly topK?: number;
  readonly topP?: number;
}

/** Words that the graph draws: one for each row of scores and its uniform number. */
async function draw(
  scores: readonly (readonly number[])[],
  u: ArrayLike<number>,
  { doSample = true, topK = 0, topP = 1 }: Settings = {},
): Promise<number[]> {
  const vocabulary = scores[0]!.length;
  const graph = new GraphBuilder("sampler");
  const rows = graph.input("scores", "float32", ["batch", vocabulary]);
  const uniform = graph.input("uniform", "float32", ["batch"]);
  graph.output(sample(rows, uniform, samplerInputs(graph)), "words");
  const feeds: Record<string, Tensor> = {
    scores: float32([scores.length, vocabulary], scores.flat()),
    uniform: float32([scores.length], Array.from(u)),
    do_sample: tensor("bool", [], Uint8Array.of(doSample ? 1 : 0)),
    top_k: int64([], [topK]),
    top_p: float32([], [topP]),
  };
  return numbers((await run({ graph: graph.build(), files: new Map() }, feeds))["words"]);
}

function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  const weights = scores.map((x) => Math.exp(x - largest));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / total);
}

/**
 * Probabilities after `TopKLogitsWarper` and `TopPLogitsWarper` of transformers (`logits_process.py`): scores
 * below the k-th are removed; then, from the least likely on, all whose running sum stays at or under 1 - p.
 */
function warped(scores: readonly number[], topK: number, topP: number): number[] {
  let kept = [...scores];
  if (topK > 0) {
    const least = scores.toSorted((a, b) => b - a)[Math.min(topK, scores.length) - 1]!;
    kept = kept.map((x) => x < least ? -Infinity : x);
  }
  if (topP < 1) {
    const p = softmax(kept);
    const ascending = kept.map((_, word) => word).sort((a, b) => kept[a]! - kept[b]!);
    let sum = 0;
    for (const word of ascending.slice(0, -1)) {
      sum += p[word]!;
      if (sum <= 1 - topP) kept[word] = -Infinity;
    }
  }
  return softmax(kept);
}

/** Random scores, some rows flat and some peaked. */
function randomScores(rows: number, vocabulary: number): number[][] {
  const values = normals(randomKey(11, "scores"), 0, rows * vocabulary);
  return Array.from({ length: rows }, (_, row) => {
    const scale = [0.3, 1, 3, 8][row % 4]!;
    return [...values.subarray(row * vocabulary, (row + 1) * vocabulary)].map((x) => x * scale);
  });
}

const settings: Settings[] = [
  {},
  { topK: 1 },
  { topK: 5 },
  { topK: 1000 },
  { topP: 0.9 },
  { topP: 0.3 },
  { topP: 1e-6 },
  { topK: 7, topP: 0.6 },
];

for (const setting of settings) {
  const { topK = 0, topP = 1 } = setting;
  Deno.test(`top_k ${topK}, top_p ${topP}: draws invert transformers' distribution`, async () => {
    const scores = randomScores(400, 23);
    const u = uniforms(randomKey(12, "u"), 0, scores.length);
    const words = await draw(scores, u, setting);
    let near = 0;
    for (const [row, word] of words.entries()) {
      const p = warped(scores[row]!, topK, topP);
      const before = p.slice(0, word).reduce((a, b) => a + b, 0);
      assert.ok(p[word]! > 0, `row ${row}: word ${word} was filtered out`);
      const inside = before - 1e-5 <= u[row]! && u[row]! <= before + p[word]! + 1e-5;
      assert.ok(inside, `row ${row}: u ${u[row]} drew ${word}: ${before} to ${before + p[word]!}`);
      if (u[row]! < before || u[row]! >= before + p[word]!) near++;
    }
    assert.ok(near <= 2, `${near} draws lie on the other side of a boundary`);
  });
}

Deno.test("draws come as often as the softmax says (chi-square)", async () => {
  const scores = [0.3, -1, 2, 0, 1.2, -3, 0.7, 1.9];
  const n = 20_000;
  const u = uniforms(randomKey(13, "chi"), 0, n);
  const counts = scores.map(() => 0);
  for (const word of await draw(Array(n).fill(scores), u)) counts[word]!++;
  const chi2 = softmax(scores).reduce((sum, p, i) => sum + (counts[i]! - n * p) ** 2 / (n * p), 0);
  // 7 degrees of freedom: 29.9 is passed once in 10,000 seeds; below 0.6 once in 1,000.
  assert.ok(chi2 < 29.9 && chi2 > 0.6, `chi-square ${chi2}, counts ${counts}`);
});

Deno.test("greedy takes the likeliest, the first of equals, whatever the uniform number and filters", async () => {
  const scores = [...randomScores(40, 23), [1, 3, 3, 0, ...Array<number>(19).fill(-1)]];
  const expected = scores.map((row) => row.indexOf(Math.max(...row)));
  const u = Array<number>(scores.length).fill(0.999);
  for (const more of [{}, { topK: 2, topP: 0.1 }]) {
    assert.deepEqual(await draw(scores, u, { doSample: false, ...more }), expected);
  }
});

Deno.test("the ends of [0, 1) draw the first and the last word that is possible", async () => {
  const none = -1e9;
  const rows = [[none, 0, none, 1, none], [0, 0, 0, 0, 0], [5, none, none, none, none]];
  assert.deepEqual(await draw(rows, [0, 0, 0]), [1, 0, 0]);
  const last = 1 - 2 ** -24;
  assert.deepEqual(await draw(rows, [last, last, last]), [3, 4, 0]);
});

Deno.test("words tied with the last one kept stay", async () => {
  const scores = [2, 1, 1, 1, 0];
  const u = Array.from({ length: 50 }, (_, i) => i / 50);
  const rows = u.map(() => scores);
  assert.deepEqual(new Set(await draw(rows, u, { topK: 2 })), new Set([0, 1, 2, 3]));
  assert.deepEqual(new Set(await draw(rows, u, { topP: 0.5 })), new Set([0, 1, 2, 3]));
  assert.deepEqual(new Set(await draw(rows, u, { topK: 1 })), new Set([0]));
});

Deno.test("a vocabulary of T5's size keeps its draws within float32's rounding", async () => {
  const vocabulary = 32_128;
  const scores = [...normals(randomKey(14, "large"), 0, vocabulary)];
  const u = uniforms(randomKey(15, "large"), 0, 16);
  const p = softmax(scores);
  const words = await draw(Array(16).fill(scores), u);
  for (const [row, word] of words.entries()) {
    const before = p.slice(0, word).reduce((a, b) => a + b, 0);
    assert.ok(before - 1e-4 <= u[row]! && u[row]! <= before + p[word]! + 1e-4);
  }
});
