import { InputError } from "@decorum/tensor";
import { Buffer } from "node:buffer";
import type { inference } from "@decorum/rpc";

type Tensor = inference._inference_ModelInferRequest_InferInputTensor__Output;
type Contents = inference.InferTensorContents__Output;

/** A tensor of the answer; elements in row-major order. */
export type OutputTensor =
  & { readonly name: string; readonly shape: readonly number[] }
  & (
    | { readonly datatype: "FP32"; readonly values: Float32Array }
    | { readonly datatype: "BYTES"; readonly values: readonly string[] }
  );

/**
 * The texts of a BYTES tensor.
 *
 * @param raw its bytes where the request holds them apart from the tensor: each text after its length in 4 bytes,
 * little-endian
 * @throws InputError naming tensor and model, in Triton's words where it has some
 */
export function readTexts(tensor: Tensor, raw: Uint8Array | undefined, model: string): string[] {
  const { name, datatype, shape, contents } = tensor;
  const place = `'${name}' for model '${model}'`;
  if (datatype !== "BYTES") {
    throw new InputError(
      `inference input data-type is '${datatype}', but input ${place} expects 'BYTES'`,
    );
  }
  const [count, one] = shape;
  if (count === undefined || count < 1 || shape.length > 2 || (shape.length === 2 && one !== 1)) {
    throw new InputError(
      `unexpected shape for input ${place}. Expected [-1] or [-1,1], got [${shape.join(",")}]`,
    );
  }
  const typed = elementsOf(contents);
  if (raw !== undefined && typed > 0) {
    throw new InputError(
      `contents field must not be specified when using raw_input_contents, for input ${place}`,
    );
  }
  const elements = raw === undefined ? contents?.bytesContents ?? [] : splitRaw(raw, place, count);
  if (elements.length !== count || (raw === undefined && typed !== count)) {
    const found = raw === undefined ? typed : elements.length;
    throw new InputError(
      `unexpected number of elements for input ${place}: expected ${count} in bytes_contents, got ${found}`,
    );
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return elements.map((bytes, i) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new InputError(`element ${i} of input ${place} is not valid UTF-8`);
    }
  });
}

function elementsOf(contents: Contents | null): number {
  return Object.values(contents ?? {}).reduce(
    (sum: number, field: unknown) => sum + (Array.isArray(field) ? field.length : 0),
    0,
  );
}

function splitRaw(raw: Uint8Array, place: string, count: number): Uint8Array[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const elements: Uint8Array[] = [];
  let at = 0;
  while (at < raw.length && elements.length < count) {
    const length = at + 4 <= raw.length ? view.getUint32(at, true) : NaN;
    const end = at + 4 + length;
    if (!(end <= raw.length)) {
      throw new InputError(
        `incomplete string data for input ${place}: element ${elements.length} begins at byte ${at} of ${raw.length}` +
          (Number.isNaN(length) ? "" : ` and is said to have ${length} bytes`),
      );
    }
    elements.push(raw.subarray(at + 4, end));
    at = end;
  }
  if (at < raw.length) {
    throw new InputError(
      `unexpected additional bytes for input ${place}: its ${count} elements end at byte ${at} of ${raw.length}`,
    );
  }
  return elements;
}

/** An answer's tensors: raw where the request's were, else in the fields of their datatypes. */
export function writeOutputs(
  tensors: readonly OutputTensor[],
  raw: boolean,
): Pick<inference.ModelInferResponse, "outputs" | "rawOutputContents"> {
  const outputs = tensors.map((tensor) => ({
    name: tensor.name,
    datatype: tensor.datatype,
    shape: [...tensor.shape],
    ...(raw ? {} : { contents: typedContents(tensor) }),
  }));
  return raw ? { outputs, rawOutputContents: tensors.map(rawContents) } : { outputs };
}

function typedContents({ datatype, values }: OutputTensor): inference.InferTensorContents {
  return datatype === "FP32"
    ? { fp32Contents: [...values] }
    : { bytesContents: values.map((text) => Buffer.from(text)) };
}

function rawContents({ datatype, values }: OutputTensor): Buffer {
  if (datatype === "FP32") {
    const bytes = Buffer.alloc(values.length * 4);
    values.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
    return bytes;
  }
  return Buffer.concat(values.flatMap((text) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(text));
    return [length, Buffer.from(text)];
  }));
}
