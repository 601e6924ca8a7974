import type { GradientCases } from "../case.ts";
import { elementwiseCases } from "./elementwise.ts";
import { indexingCases } from "./indexing.ts";
import { linalgCases } from "./linalg.ts";
import { normalizationCases } from "./normalization.ts";
import { reductionCases } from "./reduction.ts";
import { shapeCases } from "./shape.ts";

/** Checks of the rules, by the family whose file of `vjp/` holds them. */
export const gradientCases: Readonly<Record<string, GradientCases>> = {
  elementwise: elementwiseCases,
  linalg: linalgCases,
  reduction: reductionCases,
  shape: shapeCases,
  normalization: normalizationCases,
  indexing: indexingCases,
};
