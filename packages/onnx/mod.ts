export * from "./graph.ts";
export * from "./value.ts";
export * from "./schema.ts";
