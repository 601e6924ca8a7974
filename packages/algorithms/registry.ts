import type { AlgorithmPage } from "./algorithm.ts";
import { grpo } from "./grpo.ts";
import { onlineDpo } from "./online_dpo.ts";
import { ppo } from "./ppo.ts";
import { rloo } from "./rloo.ts";

/** Every algorithm, under the name that it has in configurations. */
export const algorithms = { ppo, grpo, rloo, online_dpo: onlineDpo };

export type AlgorithmName = keyof typeof algorithms;

/** As configurations may name them. */
export const algorithmNames = Object.keys(algorithms) as AlgorithmName[];

/** An algorithm by its name, whichever it is. */
export function pageOf(name: AlgorithmName): AlgorithmPage {
  return algorithms[name];
}
