import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from "@opentelemetry/semantic-conventions";

/** Span attributes of RPC calls, stable in semantic conventions 1.45. */
export const rpcAttributes = {
  systemName: ATTR_RPC_SYSTEM_NAME,
  method: ATTR_RPC_METHOD,
  statusCode: ATTR_RPC_STATUS_CODE,
  serverAddress: ATTR_SERVER_ADDRESS,
  serverPort: ATTR_SERVER_PORT,
  errorType: ATTR_ERROR_TYPE,
} as const;
