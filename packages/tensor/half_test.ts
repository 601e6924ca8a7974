import assert from "node:assert/strict";
import {
  bfloat16ArrayToFloat32,
  bfloat16ToFloat32,
  float16ArrayToFloat32,
  float16ToFloat32,
  float32ArrayToBfloat16,
  float32ArrayToFloat16,
  float32ToBfloat16,
  float32ToFloat16,
} from "./half.ts";

const allBits = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** The value that the format's definition gives to a bit pattern. */
function defined(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const formats = [
  {
    name: "float16",
    exponentBits: 5,
    infinity: 0x7c00,
    widen: float16ToFloat32,
    narrow: float32ToFloat16,
    widenArray: float16ArrayToFloat32,
    narrowArray: float32ArrayToFloat16,
  },
  {
    name: "bfloat16",
    exponentBits: 8,
    infinity: 0x7f80,
    widen: bfloat16ToFloat32,
    narrow: float32ToBfloat16,
    widenArray: bfloat16ArrayToFloat32,
    narrowArray: float32ArrayToBfloat16,
  },
] as const;

for (const { name, exponentBits, infinity, widen, narrow, widenArray, narrowArray } of formats) {
  Deno.test(`${name}: every bit pattern widens to its defined value and narrows back`, () => {
    const wide = widenArray(allBits);
    const back = narrowArray(wide);
    for (const bits of allBits) {
      const expected = defined(bits, exponentBits);
      if (!Object.is(widen(bits), expected) || !Object.is(wide[bits], expected)) {
        assert.fail(`0x${bits.toString(16)} widens to ${widen(bits)}, expected ${expected}`);
      }
      // A signalling NaN comes back quiet: the highest fraction bit is set.
      const quiet = Number.isNaN(expected) ? bits | (1 << (14 - exponentBits)) : bits;
      if (back[bits] !== quiet) {
        assert.fail(`0x${bits.toString(16)} comes back as 0x${back[bits]!.toString(16)}`);
      }
      if (!Number.isNaN(expected) && narrow(expected) !== bits) {
        assert.fail(`${expected} narrows to 0x${narrow(expected).toString(16)}`);
      }
    }
  });

  Deno.test(`${name}: between every two neighbours, nearest wins and a tie goes to even`, () => {
    const float = new Float32Array(1);
    const word = new Uint32Array(float.buffer);
    for (let bits = 0; bits < infinity; bits++) {
      // The neighbour above the largest finite value is where infinity stands: 2^(bias + 1).
      const above = bits + 1 === infinity ? 2 ** 2 ** (exponentBits - 1) : widen(bits + 1);
      const middle = (widen(bits) + above) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      float[0] = middle;
      assert.equal(float[0], middle, "the middle is a float32");
      const below = (word[0]! -= 1, float[0]);
      const beyond = (word[0]! += 2, float[0]);
      const found = [
        narrow(below),
        narrow(middle),
        narrow(beyond),
        narrow(-middle),
        narrow(middle * (1 - 2 ** -50)),
        narrow(middle * (1 + 2 ** -50)),
      ];
      const expected = [bits, even, bits + 1, even | 0x8000, bits, bits + 1];
      if (found.join() !== expected.join()) assert.fail(`${bits}: ${found}, expected ${expected}`);
      if (bits % 97 === 0) {
        const narrowed = narrowArray(Float32Array.of(below, middle, beyond, -middle));
        assert.deepEqual([...narrowed], expected.slice(0, 4));
      }
    }
  });
}

Deno.test("float16 narrowing of a million floats of every size equals the engine's own", () => {
  const bits = new Uint32Array(1_000_000);
  for (let i = 0; i < bits.length; i++) bits[i] = Math.imul(i, 0x9e3779b1);
  const values = new Float32Array(bits.buffer).map((v) => Number.isNaN(v) ? 1 : v);
  const expected = new Uint16Array(new Float16Array(values).buffer);
  const found = float32ArrayToFloat16(values);
  const wrong = found.findIndex((v, i) => v !== expected[i]);
  assert.equal(wrong, -1, `value ${values[wrong]}`);
});

Deno.test("a float64 narrows in one rounding, also where float32 would round to a tie first", () => {
  // 1 + 2^-11 is the tie between 1 and the next float16; a bit above it must round up.
  assert.equal(float32ToFloat16(1 + 2 ** -11), 0x3c00);
  assert.equal(float32ToFloat16(1 + 2 ** -11 + 2 ** -40), 0x3c01);
  assert.equal(float32ToFloat16(-(1 + 2 ** -11 + 2 ** -40)), 0xbc01);
  assert.equal(float32ToFloat16(2 ** -25 + 2 ** -60), 1);
  assert.equal(float32ToBfloat16(1 + 2 ** -8 + 2 ** -40), 0x3f81);
  assert.equal(float32ToFloat16(1e300), 0x7c00);
  assert.equal(float32ToBfloat16(-1e300), 0xff80);
  assert.equal(float32ToFloat16(-1e-300), 0x8000);
});
