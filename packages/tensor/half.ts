/**
 * Conversions between float32 and the two half-precision formats, which are kept as their bits:
 * float16 (IEEE 754 binary16: 5 exponent bits, 10 fraction bits) and bfloat16 (the upper half of a
 * float32). Widening is exact. Narrowing rounds to nearest, ties to even, overflows to infinity and
 * keeps NaN a NaN (sign and upper payload bits stay, the quiet bit is set).
 */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The float32 bits of a float16. */
function widenFloat16(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: fraction * 2^-24, normalised so that its leading one becomes the hidden bit.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** The float16 bits nearest to the float32 with these bits. */
function narrowToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // 65520 is halfway between the largest float16 and 2^16; it and all above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: re-bias the exponent by 15 - 127; a carry out of the fraction raises the exponent.
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return sign | (rounded >>> 13);
  }
  // Up to 2^-25, half of the smallest subnormal, the nearest float16 is zero.
  if (magnitude <= 0x33000000) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** The bfloat16 bits nearest to the float32 with these bits. */
function narrowToBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits >>> 0) + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/**
 * Sets the scratch register to the float32 for a number that is to be narrowed further: where the
 * float32 is inexact it is rounded to odd, so that the second rounding does not see a false tie.
 */
function setForNarrowing(value: number): number {
  scratch[0] = value;
  const rounded = scratch[0];
  if (rounded !== value && Number.isFinite(value)) {
    if (Math.abs(rounded) > Math.abs(value)) scratchBits[0]! -= 1;
    scratchBits[0]! |= 1;
  }
  return scratchBits[0]!;
}

/** The value of a float16 given as its 16 bits; exact. */
export function float16ToFloat32(bits: number): number {
  scratchBits[0] = widenFloat16(bits);
  return scratch[0]!;
}

/** The bits of the float16 nearest to `value` (a float32 or any float64: rounded once). */
export function float32ToFloat16(value: number): number {
  return narrowToFloat16(setForNarrowing(value));
}

/** The value of a bfloat16 given as its 16 bits; exact. */
export function bfloat16ToFloat32(bits: number): number {
  scratchBits[0] = bits << 16;
  return scratch[0]!;
}

/** The bits of the bfloat16 nearest to `value` (a float32 or any float64: rounded once). */
export function float32ToBfloat16(value: number): number {
  return narrowToBfloat16(setForNarrowing(value));
}

/** Widens every element of an array of float16 bits. */
export function float16ArrayToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = widenFloat16(bits[i]!);
  return new Float32Array(out.buffer);
}

/** Narrows every element of a float32 array to float16 bits. */
export function float32ArrayToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return narrowArray(values, narrowToFloat16);
}

/** Widens every element of an array of bfloat16 bits. */
export function bfloat16ArrayToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/** Narrows every element of a float32 array to bfloat16 bits. */
export function float32ArrayToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return narrowArray(values, narrowToBfloat16);
}

function narrowArray(
  values: Float32Array,
  narrow: (bits: number) => number,
): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = narrow(bits[i]!);
  return out;
}
