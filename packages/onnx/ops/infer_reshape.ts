import { divideDims, productOfDims, remainingDim, showShape } from "../dims.ts";
import type { Dim } from "../graph.ts";
import type { InferContext } from "../schema.ts";
import { inputType, intAttribute, misfit, vectorLength } from "./infer.ts";

/** Shape of Reshape: 0 copies (unless allowzero), -1 is what is left; a size not known gets a fresh symbol. */
export function inferReshape(context: InferContext): Dim[] {
  const { shape } = inputType(context, 0);
  const length = vectorLength(context, 1, "shape");
  const target = context.dims(1);
  if (!target) return Array.from({ length }, () => context.freshDim());
  const copies = intAttribute(context, "allowzero", 0) === 0;
  const dims = target.map((dim, i): Dim => {
    if (dim !== 0 || !copies) return dim;
    const copied = shape[i];
    if (copied === undefined) throw misfit(context, `0 at ${i} of the shape copies no dimension`);
    return copied;
  });
  const inferred = dims.indexOf(-1);
  if (inferred !== dims.lastIndexOf(-1)) throw misfit(context, `${showShape(dims)} has two -1`);
  const wrong = dims.find((dim) => typeof dim === "number" && dim < -1);
  if (wrong !== undefined) throw misfit(context, `${wrong} is no size`);
  if (inferred >= 0) {
    const known = dims.toSpliced(inferred, 1);
    const rest = remainingDim(shape, known);
    const [from, by] = [productOfDims(shape), productOfDims(known)];
    if (rest === undefined && typeof from === "number" && typeof by === "number") {
      throw misfit(context, `${from} elements do not fit the shape ${showShape(dims)}`);
    }
    dims[inferred] = rest ?? context.freshDim();
    return dims;
  }
  const ratio = divideDims(productOfDims(shape), productOfDims(dims)) ??
    divideDims(productOfDims(dims), productOfDims(shape));
  const counts = [productOfDims(shape), productOfDims(dims)];
  const differ = typeof ratio === "number"
    ? ratio !== 1
    : counts.every((count) => typeof count === "number") && counts[0] !== counts[1];
  if (differ) {
    throw misfit(context, `${counts[0]} elements do not fit the shape ${showShape(dims)}`);
  }
  return dims;
}
