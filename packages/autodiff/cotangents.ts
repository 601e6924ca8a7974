import { add, reduceSum, squeeze, type Value } from "@decorum/onnx";

/** Cotangents given so far, by value; several of one value are added when it is read. */
export class Cotangents {
  readonly #parts = new Map<string, Value[]>();

  give(value: Value, cotangent: Value): void {
    const part = unbroadcast(cotangent, value);
    const parts = this.#parts.get(value.name);
    if (parts) parts.push(part);
    else this.#parts.set(value.name, [part]);
  }

  of(value: Value): Value | undefined {
    const parts = this.#parts.get(value.name);
    if (!parts || parts.length === 0) return undefined;
    const sum = parts.reduce((a, b) => add(a, b));
    this.#parts.set(value.name, [sum]);
    return sum;
  }
}

/** Sums a cotangent over the axes along which its value was broadcast: one pass, whatever the axes. */
function unbroadcast(cotangent: Value, value: Value): Value {
  const extra = cotangent.rank - value.rank;
  const leading = [...Array(extra).keys()];
  const stretched = value.shape.flatMap((dim, i) =>
    dim === 1 && cotangent.shape[i + extra] !== 1 ? [i + extra] : []
  );
  if (stretched.length === 0) return reduceSum(cotangent, leading, false);
  const summed = reduceSum(cotangent, [...leading, ...stretched], true);
  return leading.length === 0 ? summed : squeeze(summed, leading);
}
