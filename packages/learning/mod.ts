export * from "./ppo_graph.ts";
