import type { ExternalData } from "./graph.ts";

/**
 * What is wrong with a reference to a file of weights; `undefined` when nothing is. The location must stay
 * below the model's folder: relative, `/` between its parts, no `..`.
 */
export function externalDataProblem(external: ExternalData): string | undefined {
  const { location, offset, length } = external;
  const parts = location.split("/");
  if (location === "" || /^[A-Za-z]:|^\/|\\|\0/.test(location) || parts.includes("")) {
    return `location "${location}" must be a path relative to the model, with "/" between its parts`;
  }
  if (parts.includes("..") || parts.includes(".")) {
    return `location "${location}" must not leave the model's folder: "." and ".." are not allowed`;
  }
  for (const [field, value] of [["offset", offset], ["length", length]] as const) {
    if (!Number.isSafeInteger(value) || value < 0) {
      return `${field} of "${location}" is ${value}: expected a number of bytes`;
    }
  }
  return undefined;
}
