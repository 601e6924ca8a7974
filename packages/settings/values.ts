import { InputError } from "@decorum/tensor";

/** Nested settings, as YAML and JSON have them. */
export type Values = Record<string, unknown>;

export function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a dotted name; undefined where there is none. */
export function valueAt(values: unknown, name: string): unknown {
  return name.split(".").reduce<unknown>((at, key) => isObject(at) ? at[key] : undefined, values);
}

/**
 * Sets the value of a dotted name, inside objects that are made where they are missing.
 *
 * @throws InputError when a part of the name leads through something that is no object.
 */
export function setValue(values: Values, name: string, value: unknown): void {
  const path = name.split(".");
  let at = values;
  path.slice(0, -1).forEach((key, i) => {
    const next = at[key] ?? {};
    if (!isObject(next)) {
      throw new InputError(
        `cannot set ${name}: ${path.slice(0, i + 1).join(".")} is ${
          JSON.stringify(next)
        }, which has no fields`,
      );
    }
    // YAML's anchors make one object stand in several places.
    at = at[key] = { ...next };
  });
  at[path.at(-1)!] = value;
}

/** `changes` over `base`, field by field. */
export function merged(base: unknown, changes: unknown): unknown {
  if (!isObject(base) || !isObject(changes)) return changes;
  const both = { ...base };
  for (const [key, value] of Object.entries(changes)) both[key] = merged(base[key], value);
  return both;
}
