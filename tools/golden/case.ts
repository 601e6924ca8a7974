import { join } from "node:path";
import { InputError, readJson, readSafetensors, type Tensor } from "@decorum/tensor";

/** One recorded case: a folder with `case.json`, `inputs.safetensors`, `expected.safetensors`. */
export interface GoldenCase {
  readonly folder: string;
  readonly kind: string;
  readonly atol: number;
  readonly rtol: number;
  /** Everything `case.json` says. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly expected: ReadonlyMap<string, Tensor>;
}

/** @throws Error when a file of the case is missing; InputError when one is malformed. */
export function readCase(folder: string): GoldenCase {
  const json = readJson(join(folder, "case.json"));
  const { kind, atol, rtol } = json;
  if (typeof kind !== "string" || typeof atol !== "number" || typeof rtol !== "number") {
    throw new InputError(`Cannot use ${folder}/case.json: expected "kind", "atol" and "rtol"`);
  }
  return {
    folder,
    kind,
    atol,
    rtol,
    json,
    inputs: readSafetensors(join(folder, "inputs.safetensors")),
    expected: readSafetensors(join(folder, "expected.safetensors")),
  };
}

/**
 * A constant that the recorder used: a number field of `case.json` or of its `config`, else what its notes
 * say (`kl_coef=0.2`), else `otherwise`.
 */
export function constantOf({ json }: GoldenCase, name: string, otherwise: number): number {
  const config = json["config"] as Readonly<Record<string, unknown>> | undefined;
  for (const found of [json[name], config?.[name]]) if (typeof found === "number") return found;
  const noted = new RegExp(`\\b${name}\\s*=\\s*(-?[0-9.]+(?:e-?[0-9]+)?)`).exec(
    String(json["notes"]),
  );
  return noted ? Number(noted[1]) : otherwise;
}

/** Input `name` of a case. @throws InputError when it is missing or of another type. */
export function inputOf<D extends Tensor["dtype"]>(
  { folder, inputs }: GoldenCase,
  name: string,
  dtype: D,
): Tensor<D> {
  const value = inputs.get(name);
  if (value?.dtype !== dtype) {
    throw new InputError(
      `Cannot use ${folder}/inputs.safetensors: tensor "${name}" is ${
        value?.dtype ?? "missing"
      }; expected ${dtype}`,
    );
  }
  return value as Tensor<D>;
}
