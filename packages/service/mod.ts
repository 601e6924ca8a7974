export * from "./common_config.ts";
export * from "./run_service.ts";
