export { buildGradientGraph, type GradientRequest } from "./gradient.ts";
export type { OpState, VjpNode, VjpRule } from "./rule.ts";
export { families, opStates } from "./table.ts";
