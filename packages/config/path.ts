import { InputError } from "@decorum/tensor";
/**
 * Sets a value deep inside nested objects, which are made where they are missing.
 *
 * @throws InputError when a part of the path leads through something that is no object.
 */
export function setPath(
  root: Record<string, unknown>,
  path: readonly string[],
  value: unknown,
): void {
  let at = root;
  path.slice(0, -1).forEach((key, i) => {
    const next = at[key] ?? {};
    if (typeof next !== "object" || Array.isArray(next)) {
      throw new InputError(
        `cannot set ${path.join(".")}: ${path.slice(0, i + 1).join(".")} is ${
          JSON.stringify(next)
        }, which has no fields`,
      );
    }
    at = at[key] = { ...next } as Record<string, unknown>;
  });
  at[path.at(-1)!] = value;
}
