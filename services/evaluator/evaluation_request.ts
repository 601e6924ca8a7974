import { InputError, isJsonObject, type JsonObject } from "@decorum/tensor";
import type { evaluatorV1, policyV1 } from "@decorum/rpc";
import type { EvaluatorConfig } from "@decorum/settings";

/** One prompt of an evaluation. */
export interface EvaluationPrompt {
  readonly key: string;
  readonly prompt: string;
  readonly reference: string | undefined;
  /** The row of the data; empty where it was not sent. */
  readonly row: JsonObject;
}

/** A request as domain values; everything in it has been checked. */
export interface EvaluationRequest {
  readonly prompts: readonly EvaluationPrompt[];
  readonly sampling: policyV1.SamplingParameters;
  readonly seed: number;
  readonly before: policyV1.WeightsSelector;
  readonly after: policyV1.WeightsSelector;
  readonly bootstrapSamples: number;
  /** Rows of the table of samples. */
  readonly samples: number;
}

/**
 * Checks a request and fills its defaults in.
 *
 * @throws InputError naming field and prompt
 */
export function parseEvaluation(
  request: evaluatorV1.EvaluateRequest__Output,
  { limits, bootstrap }: Pick<EvaluatorConfig, "limits" | "bootstrap">,
): EvaluationRequest {
  const { prompts, sampling, seed, bootstrapSamples } = request;
  if (prompts.length < 2 || prompts.length > limits.max_prompts) {
    throw new InputError(
      `Cannot evaluate on ${prompts.length} prompts: expected 2 to ${limits.max_prompts}`,
    );
  }
  const keys = new Set<string>();
  for (const [i, { key, prompt }] of prompts.entries()) {
    const name = `prompt ${i} (key ${JSON.stringify(key.slice(0, 100))})`;
    if (prompt.trim() === "") {
      throw new InputError(`Cannot evaluate ${name}: its text is empty; leave it out`);
    }
    if (keys.has(key)) {
      throw new InputError(`Cannot evaluate ${name}: another has that key; expected distinct keys`);
    }
    keys.add(key);
  }
  if (sampling === null) {
    throw new InputError("Cannot evaluate: sampling is missing; max_new_tokens has no default");
  }
  if (!Number.isSafeInteger(seed)) {
    throw new InputError(`Cannot evaluate with seed ${seed}: expected at most 2^53 - 1`);
  }
  if (bootstrapSamples !== 0 && (bootstrapSamples < 100 || bootstrapSamples > 100_000)) {
    throw new InputError(
      `Cannot evaluate with ${bootstrapSamples} bootstrap_samples: expected 100 to 100000, or 0 for ${bootstrap.samples}`,
    );
  }
  const after = request.after ?? { kind: "WEIGHTS_KIND_UNSPECIFIED", runId: "", version: 0 };
  return {
    prompts: prompts.map(({ key, prompt, reference, rowJson }) => ({
      ...{ key, prompt, reference, row: rowOf(rowJson, key) },
    })),
    sampling: sampling as policyV1.SamplingParameters,
    seed,
    before: request.before ?? { kind: "WEIGHTS_KIND_START", runId: after.runId },
    after,
    bootstrapSamples: bootstrapSamples === 0 ? bootstrap.samples : bootstrapSamples,
    samples: request.samples,
  };
}

function rowOf(json: string, key: string): JsonObject {
  if (json === "") return {};
  let row: unknown;
  try {
    row = JSON.parse(json);
  } catch {
    row = undefined;
  }
  if (isJsonObject(row)) return row;
  throw new InputError(
    `Cannot evaluate the prompt of key ${JSON.stringify(key)}: its row_json is no JSON object`,
  );
}
