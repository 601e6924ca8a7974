import {
  float32,
  normals,
  randomKey,
  readSafetensors,
  type Tensor,
  writeSafetensors,
} from "@decorum/tensor";

/** Normal numbers of standard deviation `std`, a stream of its own for every seed and name. */
export function random(
  name: string,
  dims: readonly number[],
  seed: number,
  std: number,
): Tensor<"float32"> {
  const count = dims.reduce((n, d) => n * d, 1);
  return float32(dims, normals(randomKey(seed, name), 0, count).map((x) => x * std));
}

/**
 * Gives a file of weights random ones of a trained model's magnitude: none is 0 or 1 as in a new model, so a graph that
 * forgot one is found out.
 */
export function asIfTrained(file: string, seed: number): void {
  writeSafetensors(
    file,
    new Map([...readSafetensors(file)].map(([key, { dims }]) => {
      if (!/norm\.weight$/i.test(key)) {
        return [key, random(key, dims, seed, dims.length === 1 ? 0.1 : dims.at(-1)! ** -0.5)];
      }
      return [key, float32(dims, random(key, dims, seed, 0.1).data.map((x) => 1 + x))];
    })),
  );
}
