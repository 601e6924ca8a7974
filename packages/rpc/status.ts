import { status } from "@grpc/grpc-js";

/** Name of a gRPC status code. */
export type StatusName = keyof typeof status;

const names = new Map<number, StatusName>(
  Object.entries(status).flatMap(([name, code]) =>
    typeof code === "number" ? [[code, name as StatusName] as const] : []
  ),
);

/** The name of a status code; UNKNOWN for a number that is none. */
export function statusName(code: number): StatusName {
  return names.get(code) ?? "UNKNOWN";
}

/** The number of a status. */
export function statusCode(name: StatusName): number {
  return status[name];
}
