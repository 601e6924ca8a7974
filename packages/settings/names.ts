import { InputError, isJsonObject } from "@decorum/tensor";
import { fieldsOf } from "./field.ts";
import { modelSection } from "./model.ts";

/** The value of a dotted name; undefined where there is none. */
function valueAt(values: unknown, name: string): unknown {
  return name.split(".").reduce<unknown>(
    (at, key) => isJsonObject(at) ? at[key] : undefined,
    values,
  );
}

/**
 * Sets the value of a dotted name, inside objects that are made where they are missing.
 *
 * @throws InputError when a part of the name leads through something that is no object.
 */
export function setValue(values: Record<string, unknown>, name: string, value: unknown): void {
  const path = name.split(".");
  let at = values;
  path.slice(0, -1).forEach((key, i) => {
    const next = at[key] ?? {};
    if (!isJsonObject(next)) {
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

/**
 * Where the settings of the section `model` stood before there was one: in `policy` and in `trainer`, and at the top of a
 * run's own configuration.
 */
const moved = {
  model: "model.name_or_path",
  start_adapter: "model.start_adapter",
  precision: "model.precision",
  lora: "model.lora",
} as const;

/** Today's name of a setting that has moved; undefined for others. */
export function newName(name: string): string | undefined {
  const [, old, rest] = /^(?:policy|trainer)\.(model|start_adapter|precision|lora)(\..*)?$/
    .exec(name) ?? [];
  return old === undefined ? undefined : moved[old as keyof typeof moved] + (rest ?? "");
}

/**
 * Moves settings to their names of today.
 *
 * @param values changed in place
 * @param homes sections in which they stood; "" for a run's own configuration
 * @param problems gets those that do not agree
 * @param origin the end of each problem's sentence
 */
export function moveOldNames(
  values: Record<string, unknown>,
  homes: readonly string[],
  problems: string[],
  origin = "",
): void {
  const found = new Map<string, { readonly name: string; readonly value: unknown }[]>();
  const sections = homes.flatMap((home) => {
    const section = home === "" ? values : values[home];
    if (!isJsonObject(section)) return [];
    const prefix = home === "" ? "" : `${home}.`;
    // Objects that YAML's anchors stand for are shared.
    const kept: Record<string, unknown> = home === "" ? values : values[home] = { ...section };
    for (const [old, name] of Object.entries(moved)) {
      const value = kept[old];
      if (value === undefined || (old === "model" && isJsonObject(value))) continue;
      delete kept[old];
      for (const [leaf, part] of leaves(name, value)) {
        const places = found.get(leaf) ?? [];
        found.set(leaf, [...places, { name: prefix + oldName(leaf), value: part }]);
      }
    }
    return [prefix];
  });
  const defaults = new Map(fieldsOf("model", modelSection).map((one) => [one.name, one.default]));
  for (const [name, places] of found) {
    const given = valueAt(values, name);
    const all = given === undefined ? [...places] : [{ name, value: given }, ...places];
    for (const prefix of sections) {
      const old = prefix + oldName(name);
      const value = defaults.get(name);
      if (value === undefined || places.some((one) => one.name === old)) continue;
      all.push({ name: `${old} (not given)`, value });
    }
    if (new Set(all.map(({ value }) => JSON.stringify(value))).size > 1) {
      const each = all.map((one) => `${one.name} is ${JSON.stringify(one.value)}`).join(", ");
      problems.push(`${each}: they are one setting now, ${name}; expected one value${origin}`);
    }
    setValue(values, name, places[0]!.value);
  }
}

const oldName = (name: string) => name === moved.model ? "model" : name.slice("model.".length);

function leaves(name: string, value: unknown): [string, unknown][] {
  return isJsonObject(value)
    ? Object.entries(value).flatMap(([key, part]) => leaves(`${name}.${key}`, part))
    : [[name, value]];
}
