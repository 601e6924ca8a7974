import { InputError } from "@decorum/tensor";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import type { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import type { AnyService } from "./service.ts";
import { checkUtf8 } from "./strict_utf8.ts";

const protosFolder = fileURLToPath(new URL("../../protos/", import.meta.url));
const loaded = new Map<string, PackageDefinition>();

/** A proto file read at run time. */
export interface LoadedProto {
  /** The service's methods with their codecs. */
  readonly definition: ServiceDefinition;
  /** Everything in the file and its imports, for reflection. */
  readonly packageDefinition: PackageDefinition;
}

/**
 * Reads a service's proto file, once in a process. Fields are camelCase, enums their names, 64-bit integers
 * numbers (exact up to 2^53 - 1), bytes `Buffer`; fields that were not sent have their default, except
 * `optional` ones and members of a oneof, which are absent.
 *
 * @throws InputError when the file does not hold the service.
 */
export function loadProto(service: Pick<AnyService, "name" | "proto">): LoadedProto {
  let packageDefinition = loaded.get(service.proto);
  if (!packageDefinition) {
    packageDefinition = loadSync(service.proto, {
      includeDirs: [protosFolder],
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
    });
    loaded.set(service.proto, packageDefinition);
  }
  const definition = packageDefinition[service.name];
  if (!definition || "format" in definition) {
    throw new InputError(
      `Cannot load service ${service.name} from protos/${service.proto}: the file holds ` +
        Object.keys(packageDefinition).filter((name) => name.endsWith("Service")).join(", "),
    );
  }
  return { definition: strict(definition), packageDefinition };
}

/** The same service; requests with strings that are not UTF-8 are not read. */
function strict(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): unknown => {
        const message: unknown = method.requestDeserialize(bytes);
        checkUtf8(message, bytes);
        return message;
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}
