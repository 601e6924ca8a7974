import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";
import { z } from "zod";
import type { SinkSpan } from "./otlp_sink.ts";

/** A protobuf field as it stands on the wire. */
interface WireField {
  readonly number: number;
  /** 0 varint and 1 fixed64 and 5 fixed32 as bigint; 2 length-delimited as bytes. */
  readonly value: bigint | Uint8Array;
}

/**
 * The fields of a protobuf message in their order, without its schema.
 *
 * @throws InputError when the bytes end inside a field or name a wire type that is not in use.
 */
function* readFields(bytes: Uint8Array): Generator<WireField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new InputError(`Cannot read a protobuf varint at byte ${at}: longer than 10 bytes`);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        yield { number, value: view.getBigUint64(at, true) };
        at += 8;
        break;
      case 2: {
        const end = Number(varint()) + at;
        if (end > bytes.length) {
          throw new InputError(
            `Cannot read protobuf field ${number}: it ends at byte ${end} of ${bytes.length}`,
          );
        }
        yield { number, value: bytes.subarray(at, end) };
        at = end;
        break;
      }
      case 5:
        yield { number, value: BigInt(view.getUint32(at, true)) };
        at += 4;
        break;
      default:
        throw new InputError(`Cannot read protobuf field ${number}: wire type ${tag & 7}`);
    }
  }
}

const kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
const statuses = ["unset", "ok", "error"] as const;

type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/**
 * Spans of an `ExportTraceServiceRequest` (opentelemetry-proto 1.x: collector/trace/v1, trace/v1), field
 * numbers as there.
 */
export function decodeProtobufSpans(bytes: Uint8Array): SinkSpan[] {
  return messages(fieldsOf(bytes), 1).flatMap((resourceSpans) => {
    const resource = messages(resourceSpans, 1).flatMap((r) => attributes(messages(r, 1)));
    const service = String(Object.fromEntries(resource)["service.name"] ?? "");
    return messages(resourceSpans, 2).flatMap((scope) => messages(scope, 2))
      .map((span): SinkSpan => ({
        traceId: hex(span, 1),
        spanId: hex(span, 2),
        parentSpanId: hex(span, 4),
        name: text(span, 5),
        kind: kinds[integer(span, 6)] ?? "unspecified",
        start: big(span, 7),
        end: big(span, 8),
        attributes: Object.fromEntries(attributes(messages(span, 9))),
        links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
        status: statuses[integer(messages(span, 15)[0] ?? new Map(), 3)] ?? "unset",
        statusMessage: text(messages(span, 15)[0] ?? new Map(), 2),
        events: messages(span, 11).map((event) => ({
          name: text(event, 2),
          attributes: Object.fromEntries(attributes(messages(event, 3))),
        })),
        service,
      }));
  });
}

function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  for (const { number, value } of readFields(bytes)) {
    const list = fields.get(number) ?? [];
    list.push(value);
    fields.set(number, list);
  }
  return fields;
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).flatMap((v) => v instanceof Uint8Array ? [fieldsOf(v)] : []);
}

function bytesOf(fields: Fields, number: number): Buffer {
  const value = fields.get(number)?.at(-1);
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0);
}

const hex = (fields: Fields, number: number) => bytesOf(fields, number).toString("hex");
const text = (fields: Fields, number: number) => bytesOf(fields, number).toString("utf8");

function big(fields: Fields, number: number): bigint {
  const value = fields.get(number)?.at(-1);
  return typeof value === "bigint" ? value : 0n;
}

const integer = (fields: Fields, number: number) => Number(big(fields, number));

function attributes(pairs: readonly Fields[]): [string, unknown][] {
  return pairs.map((pair) => [text(pair, 1), anyValue(messages(pair, 2)[0] ?? new Map())]);
}

function anyValue(value: Fields): unknown {
  if (value.has(1)) return text(value, 1);
  if (value.has(2)) return big(value, 2) !== 0n;
  if (value.has(3)) return Number(BigInt.asIntN(64, big(value, 3)));
  if (value.has(4)) {
    const double = new DataView(new ArrayBuffer(8));
    double.setBigUint64(0, big(value, 4));
    return double.getFloat64(0);
  }
  return messages(value, 5).flatMap((array) => messages(array, 1).map(anyValue));
}

const jsonAttributes = z.array(z.object({
  key: z.string(),
  value: z.object({
    stringValue: z.string().optional(),
    boolValue: z.boolean().optional(),
    intValue: z.union([z.string(), z.number()]).transform(Number).optional(),
    doubleValue: z.number().optional(),
    arrayValue: z.unknown().optional(),
  }),
})).default([]).transform((pairs) =>
  Object.fromEntries(pairs.map(({ key, value: v }) => [
    key,
    v.stringValue ?? v.boolValue ?? v.intValue ?? v.doubleValue ?? v.arrayValue,
  ]))
);

const jsonRequest = z.object({
  resourceSpans: z.array(z.object({
    resource: z.object({ attributes: jsonAttributes }).optional(),
    scopeSpans: z.array(z.object({
      spans: z.array(z.object({
        traceId: z.string(),
        spanId: z.string(),
        parentSpanId: z.string().default(""),
        name: z.string().default(""),
        kind: z.number().default(0),
        startTimeUnixNano: z.coerce.bigint().default(0n),
        endTimeUnixNano: z.coerce.bigint().default(0n),
        attributes: jsonAttributes,
        links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
        status: z.object({ code: z.number().default(0), message: z.string().default("") })
          .optional(),
        events: z.array(z.object({ name: z.string().default(""), attributes: jsonAttributes }))
          .default([]),
      })).default([]),
    })).default([]),
  })).default([]),
});

/**
 * Spans of the same request as JSON.
 *
 * @throws ZodError when the value is not such a request.
 */
export function decodeJsonSpans(value: unknown): SinkSpan[] {
  return jsonRequest.parse(value).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans).map((span): SinkSpan => ({
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      name: span.name,
      kind: kinds[span.kind] ?? "unspecified",
      start: span.startTimeUnixNano,
      end: span.endTimeUnixNano,
      attributes: span.attributes,
      links: span.links,
      status: statuses[span.status?.code ?? 0] ?? "unset",
      statusMessage: span.status?.message ?? "",
      events: span.events,
      service: String(resource?.attributes["service.name"] ?? ""),
    }))
  );
}
