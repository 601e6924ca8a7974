export { checkTransport, hostPort, isLoopback, resolveAddresses } from "./address.ts";
export { audited } from "./audit.ts";
export { authorize, type AuthTable, checkAuthTable } from "./auth.ts";
export { Authorizer, type CallAttempt } from "./authorizer.ts";
export { type CallContext } from "./call_context.ts";
export { type CallOptions } from "./call_options.ts";
export { type ClientControl, type ClientOptions, createClient, type RpcClient } from "./client.ts";
export { type DrainOptions, type DrainReport } from "./drain.ts";
export {
  aborted,
  alreadyExists,
  dataLoss,
  failedPrecondition,
  goneReason,
  notFound,
  resourceExhausted,
  StatusError,
  toStatus,
  unavailable,
} from "./errors.ts";
export * as evaluatorV1 from "./gen/evaluator_v1.ts";
export * as inference from "./gen/inference.ts";
export * as policyV1 from "./gen/policy_v1.ts";
export * as rewardV1 from "./gen/reward_v1.ts";
export * as teiV1 from "./gen/tei_v1.ts";
export * as trainerV1 from "./gen/trainer_v1.ts";
export { askHealth, checkHealth, type Health, type HealthCheck } from "./health.ts";
export { type Caller, type Identity, spiffeId } from "./identity.ts";
export { reloadedPem } from "./pem.ts";
export { RpcError } from "./rpc_error.ts";
export {
  createServer,
  implement,
  type RpcServer,
  type ServerOptions,
  type ServiceImplementation,
} from "./server.ts";
export { type Calls, type Handlers, type MethodPolicy, type Service } from "./service.ts";
export {
  evaluatorService,
  inferenceService,
  policyService,
  rewardAdminService,
  rewardService,
  teiInfoService,
  teiPredictService,
  trainerService,
} from "./services.ts";
export { drainOnSignal } from "./signals.ts";
export { type StatusName } from "./status.ts";
export { checkClientTls, type ClientTls, type ServerTls } from "./tls.ts";
export {
  type KnownToken,
  parseTokens,
  spiffeName,
  tokenFile,
  tokenHash,
  tokensFile,
  type TokenSource,
} from "./tokens.ts";
