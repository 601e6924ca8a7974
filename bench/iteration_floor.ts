import { buildEncodeGraph } from "@decorum/generation";
import { buildUpdateGraph, learnerSession } from "@decorum/learning";
import { openGraph } from "@decorum/runtime";
import { ppo } from "@decorum/algorithms";
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
}

/** Sessions of the matrix products of an iteration. */
export async function openFloor(folder: string, options: FloorOptions) {
  const { batch, query: source, response, miniBatch } = options;
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
    new Map([["prompts", rows], ["responses", 1], ["source", source], ["target", response], [
      "tokens",
      rows * response,
    ]]);
  const alone = (model: ModelGraph, rows: number) => productsOnly(model, sizes(rows));
  const wrt = [
    ...adapterShapes(lora, model.layers).keys(),
    ...valueHeadShapes(model.config.hidden_size).keys(),
  ];
  const micro = Math.min(4, batch);
  const parts = [
    await open(alone(buildEncodeGraph(spec), batch), true, 1),
    await open(decodeProducts(spec, { batch, source, steps: response }), true, 1),
    await open(alone(buildForwardGraph(spec), micro), false, batch / micro),
    await open(
      alone(buildUpdateGraph(ppo.open({}), spec, wrt), Math.min(micro, miniBatch)),
      true,
      batch / Math.min(micro, miniBatch),
    ),
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
