import { InputError } from "@decorum/tensor";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import type { AnyService } from "./service.ts";

const replacement = "\uFFFD";
const encoded = Buffer.from(replacement);

/**
 * Refuses strings that are not UTF-8, which protobuf wants to be and protobufjs reads with U+FFFD in the place of
 * what is wrong. A message that says U+FFFD itself passes: then its bytes hold that character as often as its strings.
 *
 * @param bytes what the message was read from
 * @throws InputError when a string of the message is not valid UTF-8
 */
function checkUtf8(message: unknown, bytes: Uint8Array): void {
  const read = countReplacements(message);
  if (read > 0 && read > countEncoded(bytes)) {
    throw new InputError("a string of the message is not valid UTF-8");
  }
}

function countReplacements(value: unknown): number {
  if (typeof value === "string") {
    return value.includes(replacement) ? value.split(replacement).length - 1 : 0;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 0;
  // All elements of a repeated field are of one kind.
  if (Array.isArray(value) && typeof value[0] === "number") return 0;
  return Object.entries(value).reduce(
    (sum, [key, part]) => sum + countReplacements(key) + countReplacements(part),
    0,
  );
}

function countEncoded(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(encoded); at >= 0; at = buffer.indexOf(encoded, at + 3)) count++;
  return count;
}

const protosFolder = fileURLToPath(new URL("../../protos/", import.meta.url));
const loaded = new Map<string, PackageDefinition>();

/** A proto file read at run time. */
interface LoadedProto {
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
