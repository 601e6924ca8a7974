export { checkTransport, hostPort, isLoopback, resolveAddresses } from "./address.ts";
export { audited, Authorizer, type AuthTable, checkAuthTable } from "./auth.ts";
export { type ClientOptions, createClient, type RpcClient } from "./client.ts";
export { drainOnSignal } from "./drain.ts";
export {
  aborted,
  alreadyExists,
  dataLoss,
  failedPrecondition,
  goneReason,
  notFound,
  resourceExhausted,
  RpcError,
  StatusError,
  type StatusName,
  toStatus,
  unavailable,
} from "./errors.ts";
export * as evaluatorV1 from "./gen/evaluator_v1.ts";
export * as learnerV1 from "./gen/learner_v1.ts";
export * as inference from "./gen/inference.ts";
export * as policyV1 from "./gen/policy_v1.ts";
export * as rewardV1 from "./gen/reward_v1.ts";
export * as teiV1 from "./gen/tei_v1.ts";
export * as trainerV1 from "./gen/trainer_v1.ts";
export { askHealth } from "./health.ts";
export {
  type Identity,
  spiffeId,
  spiffeName,
  tokenFile,
  tokenHash,
  tokensFile,
} from "./identity.ts";
export {
  createServer,
  implement,
  type RpcServer,
  type ServerOptions,
  type ServiceImplementation,
} from "./server.ts";
export type { CallContext, CallOptions, Handlers } from "./service.ts";
export {
  evaluatorService,
  inferenceService,
  learnerService,
  policyService,
  rewardAdminService,
  rewardService,
  teiInfoService,
  teiPredictService,
  trainerService,
} from "./services.ts";
export {
  type ByteChunk,
  byteChunks,
  ByteReader,
  MAX_CHUNK_BYTES,
  tensorChunks,
  TensorReader,
  tensorSpecs,
} from "./tensor_stream.ts";
export { checkClientTls, type ClientTls, reloadedPem, type ServerTls } from "./tls.ts";
