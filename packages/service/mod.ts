export { HttpError, toHttpError } from "./http_error.ts";
export { type HttpServer, type HttpTls, openHttpServer } from "./http_server.ts";
export { allMethods, methodTable, roles } from "./method_table.ts";
export { localSource } from "./local_source.ts";
export * from "./run_service.ts";
export * from "./security.ts";
