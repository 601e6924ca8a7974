import { arrayOf, type DType, elementCount, InputError, type Tensor } from "@decorum/tensor";
import type { ValueInfo, WireTensor } from "./messages.ts";

/** A name list for a message. */
const list = (names: Iterable<string>) => [...names].map((n) => `"${n}"`).join(", ") || "none";

const shown = (dtype: DType, dims: readonly (number | string)[]) => `${dtype}[${dims.join(", ")}]`;

function checkFeed(session: string, expected: ValueInfo, found: Tensor): void {
  const fits = found.dims.length === expected.dims.length &&
    expected.dims.every((d, i) => typeof d === "string" || d === found.dims[i]);
  if (found.dtype !== expected.dtype || !fits) {
    throw new InputError(
      `Cannot run session "${session}": input "${expected.name}" is ${
        shown(found.dtype, found.dims)
      }, expected ${shown(expected.dtype, expected.dims)}`,
    );
  }
  if (
    !(found.data instanceof arrayOf[found.dtype]) || found.data.length !== elementCount(found.dims)
  ) {
    throw new InputError(
      `Cannot run session "${session}": input "${expected.name}" holds ${found.data.length} elements in a ${found.data.constructor.name}, expected ${
        elementCount(found.dims)
      } in a ${arrayOf[found.dtype].name}`,
    );
  }
}

/**
 * Checks feeds against a session's inputs.
 *
 * @throws InputError for a missing or unknown input, another element type, rank or fixed dimension.
 */
export function checkFeeds(
  session: string,
  inputs: readonly ValueInfo[],
  feeds: Readonly<Record<string, Tensor>>,
): void {
  const known = new Map(inputs.map((i) => [i.name, i]));
  const missing = inputs.filter((i) => !Object.hasOwn(feeds, i.name)).map((i) => i.name);
  const unknown = Object.keys(feeds).filter((name) => !known.has(name));
  if (missing.length || unknown.length) {
    throw new InputError(
      `Cannot run session "${session}": missing inputs: ${list(missing)}; unknown inputs: ${
        list(unknown)
      }; it takes ${list(known.keys())}`,
    );
  }
  for (const input of inputs) checkFeed(session, input, feeds[input.name] as Tensor);
}

/**
 * The outputs to compute: all of them unless named.
 *
 * @throws InputError for a name that is no output.
 */
export function checkFetches(
  session: string,
  outputs: readonly ValueInfo[],
  fetches: readonly string[] | undefined,
): readonly string[] {
  const known = outputs.map((o) => o.name);
  const unknown = (fetches ?? []).filter((name) => !known.includes(name));
  if (unknown.length) {
    throw new InputError(
      `Cannot fetch ${list(unknown)} from session "${session}": it gives ${list(known)}`,
    );
  }
  return fetches ? [...new Set(fetches)] : known;
}

/**
 * Feeds in storage that can be moved to another thread. With `transfer` the caller's own storage is taken
 * and detached (no copy), unless a tensor is a part of a larger buffer; otherwise each is copied once.
 */
export function takeFeeds(
  feeds: Readonly<Record<string, Tensor>>,
  transfer: boolean,
): Record<string, WireTensor> {
  const moved = new Map<ArrayBuffer, ArrayBuffer>();
  const take = ({ dtype, dims, data }: Tensor): WireTensor => {
    const old = data.buffer;
    if (!transfer || data.byteLength !== old.byteLength && !moved.has(old)) {
      return { dtype, dims: [...dims], data: data.slice() };
    }
    const buffer = moved.get(old) ?? old.transfer();
    moved.set(old, buffer);
    return { dtype, dims: [...dims], data: new arrayOf[dtype](buffer) };
  };
  return Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, take(t)]));
}
