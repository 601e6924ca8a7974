import { fileURLToPath } from "node:url";
import { buildDecodeGraph, buildEncodeGraph } from "@decorum/generation";
import {
  buildDpoGraph,
  buildRewardGraph,
  buildSftGraph,
  buildUpdateGraph,
  updateGraph,
} from "@decorum/learning";
import { type AlgorithmName, algorithmNames, algorithms, pageOf, ppo } from "@decorum/algorithms";
import {
  adapterShapes,
  buildClassifierGraph,
  buildForwardGraph,
  type LoraConfig,
  type ModelGraph,
  openCheckpoint,
  openClassifier,
  openPolicyModel,
  type PolicySpec,
  valueHeadShapes,
} from "@decorum/models";
import type { ComputeType } from "@decorum/tensor";

/** Model folder of one of the project's golden cases. */
export function goldenModel(name: string): string {
  return fileURLToPath(new URL(`golden/${name}/model`, import.meta.url));
}

export const lora: LoraConfig = { r: 2, loraAlpha: 4, loraDropout: 0, targetModules: ["q", "v"] };

/** PPO with every part of its loss switched on. */
export const wholePpo = ppo.open({ entropy_coef: 0.01, log_ratio_clamp: 5 });

/** The update of an algorithm, by its name. */
function updateOf(name: AlgorithmName, spec: PolicySpec, wrt: readonly string[]): ModelGraph {
  const wanted = { epsilon_high: 0.28, log_ratio_clamp: 5 };
  const known = Object.entries(wanted).filter(([field]) =>
    field in algorithms[name].settings.shape
  );
  const algorithm = pageOf(name).open(Object.fromEntries(known));
  const trained = algorithm.valueHead ? wrt : wrt.filter((key) => !key.startsWith("v_head."));
  return buildUpdateGraph(algorithm, spec, trained);
}

/** Parameters that a policy of this spec trains. */
export function trainedOf({ model }: Pick<PolicySpec, "model">): string[] {
  return [
    ...adapterShapes(lora, model.layers).keys(),
    ...valueHeadShapes(model.config.hidden_size).keys(),
  ];
}

/** A classifier's folder as the reward service runs it. */
export function classifierGraph(folder: string, computeType: ComputeType): ModelGraph {
  using index = openCheckpoint(folder);
  return buildClassifierGraph({ model: openClassifier(folder), index, computeType });
}

/** Every graph that the product runs, for the models of the golden cases, by a name that says which. */
export function emittedGraphs(computeType: ComputeType): Map<string, ModelGraph> {
  const graphs = new Map<string, ModelGraph>();
  for (const model of ["t5_lora_grad_flan", "t5_lora_grad_v10"]) {
    const folder = goldenModel(model);
    using index = openCheckpoint(folder);
    const spec = { model: openPolicyModel(folder), index, computeType };
    const policy = { ...spec, lora, valueHead: true };
    const dropout = { ...policy, dropout: true };
    const whole = { ...spec, trainable: () => true };
    const wrt = trainedOf(policy);
    const adapter = wrt.filter((name) => !name.startsWith("v_head."));
    for (
      const [what, graph] of Object.entries({
        forward: buildForwardGraph(policy),
        encode: buildEncodeGraph(policy),
        decode: buildDecodeGraph(policy),
        ...Object.fromEntries(
          algorithmNames.map((name) => [name, updateOf(name, policy, wrt)]),
        ),
        ppo_with_dropout: buildUpdateGraph(wholePpo, dropout, wrt),
        dpo: buildDpoGraph(policy, 0.1),
        dpo_update: updateGraph(
          buildDpoGraph({ ...spec, lora, dropout: true }, 0.1),
          adapter,
          spec,
        ),
        sft: buildSftGraph(policy),
        sft_update: updateGraph(buildSftGraph({ ...spec, lora, dropout: true }), adapter, spec),
        sft_whole: updateGraph(buildSftGraph(whole), inputsOf(buildSftGraph(whole), index), spec),
      })
    ) graphs.set(`${what} of ${model}`, graph);
  }
  for (const model of ["bert_classify", "roberta_classify"]) {
    const folder = goldenModel(model);
    using index = openCheckpoint(folder);
    const classifier = openClassifier(folder);
    graphs.set(`classify of ${model}`, classifierGraph(folder, computeType));
    for (const objective of ["labels", "pairs"] as const) {
      const whole = { trainable: () => true, computeType };
      const spec = { ...whole, model: classifier, index, objective, scoreLabel: 0 };
      const forward = buildRewardGraph(spec);
      graphs.set(`reward (${objective}) of ${model}`, forward);
      const update = updateGraph(forward, inputsOf(forward, index), spec);
      graphs.set(`reward_update (${objective}) of ${model}`, update);
    }
  }
  return graphs;
}

/** Weights of the checkpoint that are inputs of the graph. */
function inputsOf({ graph }: ModelGraph, index: { has(key: string): boolean }): string[] {
  return graph.inputs.map(({ name }) => name).filter((name) => index.has(name));
}
