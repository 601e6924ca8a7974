import { InputError } from "@decorum/tensor";
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
export function* readFields(bytes: Uint8Array): Generator<WireField> {
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
