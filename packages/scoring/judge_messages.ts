import type { ClassifierConfig } from "@decorum/models";

/** Asked of the judge's thread, one at a time. */
export type JudgeCall =
  | { readonly kind: "load"; readonly folder: string; readonly threads: number }
  | { readonly kind: "run"; readonly texts: readonly string[] };

/** What the model is. */
export interface JudgeModel {
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** What its `config.json` says of the logits. */
  readonly problem_type: ClassifierConfig["problem_type"];
}

/** What it said of the texts. */
export interface JudgeLogits {
  /** `[texts, labels]`, row by row. */
  readonly logits: Float32Array;
  /** Tokens that the longest text has above the model's limit, which are cut off at its end; 0: none. */
  readonly cut: number;
}

export type JudgeReply =
  | { readonly ok: true; readonly result: JudgeModel | JudgeLogits }
  | { readonly ok: false; readonly message: string };
