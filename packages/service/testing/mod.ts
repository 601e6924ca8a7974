export { freeAddress, isTaken } from "./ports.ts";
export { spawnService } from "./spawn_service.ts";
export type { ServiceExit, ServiceProcess } from "./spawn_service.ts";
