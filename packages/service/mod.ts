export { HttpError, toHttpError } from "./http_error.ts";
export { type HttpTls, openHttpServer } from "./http_server.ts";
export { localSource } from "./local_source.ts";
export {
  exitCodes,
  runService,
  type ServiceContext,
  type StartedService,
  VERSION,
} from "./run_service.ts";
export {
  type CallSecurity,
  callSecurity,
  type ServerSecurity,
  serverSecurity,
} from "./security.ts";
