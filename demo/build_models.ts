/**
 * Makes the demo's three models from nothing: `deno task demo:models [--seed N] [--out FOLDER] [--quick]`.
 *
 * The same seed gives the same files, bit for bit, on the same kind of CPU: training runs on one thread, and
 * every draw comes from the seed. Another kind of CPU rounds its matrix products differently.
 */
import { InputError } from "@decorum/tensor";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeClassifier } from "./recipe/classifier.ts";
import { makePolicy } from "./recipe/policy.ts";
import type { Recipe } from "./recipe/recipe.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "20" },
    out: {
      type: "string",
      default: join(dirname(fileURLToPath(import.meta.url)), "models"),
    },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: ["policy", "reward", "judge"] },
  },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed)) {
  throw new InputError(`Cannot make models from --seed ${values.seed}: expected a whole number`);
}
const started = performance.now();
const recipe: Recipe = {
  seed,
  quick: values.quick,
  runtime: { intraOpThreads: 1 },
  log: (line) => console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${line}`),
};
const work = mkdtempSync(join(tmpdir(), "decorum-demo-"));
try {
  const at = (name: string) => join(values.out, name);
  if (values.only.includes("policy")) await makePolicy(at("policy"), work, recipe);
  for (const role of ["reward", "judge"] as const) {
    if (values.only.includes(role)) await makeClassifier(role, at(role), work, recipe);
  }
} finally {
  rmSync(work, { recursive: true });
}
recipe.log(`wrote ${values.only.join(", ")} to ${values.out}`);
