import type { Graph } from "./graph.ts";

export function checkGraph(_graph: Graph): void {}
