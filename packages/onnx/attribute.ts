import { showType } from "./dims.ts";
import type { Attribute, Graph } from "./graph.ts";
import type { AttributeKind } from "./schema.ts";

/** True when the value may be an attribute of that kind. */
export function hasKind(value: Attribute, kind: AttributeKind): boolean {
  switch (kind) {
    case "int":
      return Number.isSafeInteger(value);
    case "float":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "ints":
      return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v));
    case "floats":
      return Array.isArray(value) && value.every((v) => typeof v === "number");
    case "tensor":
      return typeof value === "object" && "data" in value && "dims" in value;
    case "graph":
      return isGraph(value);
  }
}

/** True for an attribute that is a subgraph. */
export function isGraph(value: Attribute): value is Graph {
  return typeof value === "object" && "nodes" in value;
}

/** For messages. */
export function showAttribute(value: Attribute): string {
  if (typeof value !== "object") return JSON.stringify(value);
  if (isGraph(value)) return `graph "${value.name}"`;
  if ("data" in value) return `a tensor ${showType({ dtype: value.dtype, shape: value.dims })}`;
  return `[${value.join(", ")}]`;
}

/** Float attributes are stored in single precision, so that a decoded graph equals the encoded one. */
export function asStored(value: Attribute, kind: AttributeKind | undefined): Attribute {
  if (kind === "float" && typeof value === "number") return Math.fround(value);
  if (kind === "floats" && Array.isArray(value)) return value.map(Math.fround);
  return value;
}
