export * from "./conversations.ts";
export * from "./corpora.ts";
export * from "./draws.ts";
export * from "./scenes.ts";
export * from "./words.ts";
