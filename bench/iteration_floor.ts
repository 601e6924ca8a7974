import { buildEncodeGraph } from "@decorum/generation";
import { buildUpdateGraph, learnerSession } from "@decorum/learning";
import { openGraph } from "@decorum/runtime";
import type { Algorithm } from "@decorum/algorithms";
import {
  adapterShapes,
  buildForwardGraph,
  type ModelGraph,
  openCheckpoint,
  openPolicyModel,
  type PolicySpec,
  valueHeadShapes,
} from "@decorum/models";
import { decodeProducts } from "./decode_products.ts";
import { productsOnly, type Sizes } from "./products.ts";

/** The bench's adapter: the lab's. */
export const lora = { r: 32, loraAlpha: 32, loraDropout: 0, targetModules: ["q", "v"] };

/** Shape of an iteration of equal lengths. */
export interface FloorOptions {
  readonly threads: number;
  readonly batch: number;
  readonly query: number;
  readonly response: number;
  readonly miniBatch: number;
  /** Sequences of a run at most. */
  readonly microBatch: number;
}

/** Sessions of the matrix products of an iteration. */
export async function openFloor(folder: string, algorithm: Algorithm, options: FloorOptions) {
  const { batch, query: source, response } = options;
  // Responses for which a prompt is encoded once.
  const shared = algorithm.sharePrompts ? algorithm.responses : 1;
  const model = openPolicyModel(folder);
  using index = openCheckpoint(folder);
  const spec: PolicySpec = { model, index, lora, valueHead: true };
  const runtime = learnerSession({
    intraOpThreads: options.threads,
    graphOptimizationLevel: "disabled",
  });
  const open = async (
    { model, feeds }: ReturnType<typeof productsOnly>,
    prepack: boolean,
    times: number,
  ) => ({ session: await openGraph(model, { ...runtime, prepack }), feeds, times });
  const sizes = (rows: number): Sizes =>
    new Map([
      ...[["prompts", rows / shared], ["responses", shared], ["sequences", rows]] as const,
      ...[["pairs", rows / 2], ["source", source], ["target", response]] as const,
      ["tokens", rows * response],
    ]);
  const alone = (model: ModelGraph, rows: number) => productsOnly(model, sizes(rows));
  const wrt = [
    ...adapterShapes(lora, model.layers).keys(),
    ...(algorithm.valueHead ? valueHeadShapes(model.config.hidden_size).keys() : []),
  ];
  const micro = Math.min(options.microBatch, batch);
  const miniBatch = Math.min(micro, options.miniBatch);
  const parts = [
    await open(alone(buildEncodeGraph(spec), batch), true, 1),
    await open(decodeProducts(spec, { batch, shared, source, steps: response }), true, 1),
    await open(alone(buildForwardGraph(spec), micro), false, batch / micro),
    await open(alone(buildUpdateGraph(algorithm, spec, wrt), miniBatch), true, batch / miniBatch),
  ];
  return {
    async run() {
      for (const { session, feeds, times } of parts) {
        for (let i = 0; i < times; i++) await session.run(feeds);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { session } of parts) await session.release();
    },
  };
}
