import { tensor } from "@decorum/tensor";
import { maskedMean, maskedVar } from "./masked_moments.ts";
import { tokenShape, type TokenTensor } from "./masks.ts";

/** Added to the variance, as TRL does. */
const VARIANCE_EPSILON = 1e-8;

/**
 * `(x - mmean) / sqrt(mvar + 1e-8)` over the tokens of the mask, as TRL's `masked_whiten`; the variance is
 * unbiased. Outside the mask the same map is applied, so that what lies there is the caller's to mask.
 *
 * @param shiftMean false adds the mean back, which is how rewards are whitened; default true
 * @throws InputError when the mask has fewer than 2 tokens
 */
export function whiten(
  values: TokenTensor,
  mask: TokenTensor,
  { shiftMean = true }: { readonly shiftMean?: boolean } = {},
): TokenTensor {
  tokenShape({ mask, values });
  const mean = maskedMean(values, mask);
  const scale = 1 / Math.sqrt(maskedVar(values, mask) + VARIANCE_EPSILON);
  const back = shiftMean ? 0 : mean;
  return tensor("float32", values.dims, values.data.map((x) => (x - mean) * scale + back));
}
