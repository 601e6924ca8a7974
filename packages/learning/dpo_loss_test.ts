import assert from "node:assert/strict";
import { buildGradientGraph } from "@decorum/autodiff";
import { encodeModel, GraphBuilder } from "@decorum/onnx";
import { createSession } from "@decorum/runtime";
import { float32 } from "@decorum/tensor";
import { dpoLoss, membershipOf, sumPerSequence } from "./dpo_loss.ts";

const BETA = 0.1;

Deno.test("DPO's loss, its gradient and its statistics are the formulas'", async () => {
  const graph = new GraphBuilder("dpo");
  const logprobs = graph.input("logprobs", "float32", ["tokens"]);
  const refLogprobs = graph.input("ref_logprobs", "float32", ["tokens"]);
  const side = (name: string) => graph.input(name, "float32", ["pairs", "tokens"]);
  const [chosen, rejected] = [side("chosen"), side("rejected")];
  const pairs = (values: typeof logprobs) => ({
    chosen: sumPerSequence(values, chosen),
    rejected: sumPerSequence(values, rejected),
  });
  const { loss, statistics } = dpoLoss(pairs(logprobs), pairs(refLogprobs), BETA);
  graph.output(loss, "loss");
  for (const [name, value] of Object.entries(statistics)) graph.output(value, name);
  const update = buildGradientGraph(graph.build(), { loss: "loss", wrt: ["logprobs"] });
  await using session = await createSession({ bytes: encodeModel(update) });

  const lengths = [2, 1, 1, 3];
  const policy = [-1, -2, -1.5, -0.5, -4, -300, -100];
  const reference = [-1.5, -2.5, -1, -0.7, -4, -1, -1];
  const outputs = await session.run({
    logprobs: float32([7], policy),
    ref_logprobs: float32([7], reference),
    chosen: membershipOf(lengths, [0, 2]),
    rejected: membershipOf(lengths, [1, 3]),
  });
  // Pair 0: chosen -3 (reference -4), rejected -1.5 (-1). Pair 1: chosen -0.5 (-0.7), rejected -404 (-6).
  const gains = [BETA * 1, BETA * 0.2];
  const losses = [BETA * -0.5, BETA * -398];
  const margins = gains.map((c, i) => c - losses[i]!);
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b) / xs.length;
  const expected = {
    loss: mean(margins.map((m) => Math.log1p(Math.exp(-m)))),
    "rewards/chosen": mean(gains),
    "rewards/rejected": mean(losses),
    "rewards/accuracies": 1,
    "rewards/margins": mean(margins),
    "logps/chosen": mean([-3, -0.5]),
    "logps/rejected": mean([-1.5, -404]),
  };
  for (const [name, value] of Object.entries(expected)) {
    const found = Number(outputs[name]!.data[0]);
    assert.ok(Math.abs(found - value) <= 1e-5 * Math.max(1, Math.abs(value)), `${name}: ${found}`);
  }
  // d loss / d logp = -+ beta sigmoid(-margin) / pairs, for every token of the chosen and the rejected.
  const pull = margins.map((m) => BETA / (1 + Math.exp(m)) / 2);
  const gradient = [-pull[0]!, -pull[0]!, pull[0]!, -pull[1]!, pull[1]!, pull[1]!, pull[1]!];
  const found = [...outputs["logprobs_grad"]!.data as Float32Array];
  gradient.forEach((g, i) => assert.ok(Math.abs(found[i]! - g) < 1e-7, `${found} ${gradient}`));
});
