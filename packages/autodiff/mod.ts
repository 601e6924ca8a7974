export { buildGradientGraph } from "./gradient.ts";
export { families, opStates } from "./table.ts";
