import { InputError, type Tensor } from "@decorum/tensor";

/** Trainable tensors, or their gradients, by the name the checkpoint gives them. */
export type Params = ReadonlyMap<string, Tensor<"float32">>;

/**
 * The tensor of `tensors` that belongs to `name`, checked to have the shape of its parameter.
 *
 * @param what what `tensors` holds, for the message: "gradient", "exp_avg"
 * @throws InputError when it is missing, not float32, or of another shape
 */
export function tensorLike(
  what: string,
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  dims: readonly number[],
): Tensor<"float32"> {
  const found = tensors.get(name);
  const expected = `expected float32 [${dims}]`;
  if (found === undefined) {
    throw new InputError(
      `No ${what} for "${name}": ${expected}; ${tensors.size} others were given`,
    );
  }
  if (found.dtype !== "float32" || !sameDims(found.dims, dims)) {
    throw new InputError(
      `The ${what} of "${name}" is ${found.dtype} [${found.dims}]: ${expected}, the parameter's shape`,
    );
  }
  return found as Tensor<"float32">;
}

/** True when two shapes are the same. */
export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}
