// Original file: protos/decorum/evaluator/v1/evaluator_service.proto


/**
 * One prompt of the evaluation.
 */
export interface EvaluationPrompt {
  /**
   * Key of its draws; unique.
   */
  'key'?: (string);
  /**
   * The whole prompt, template included.
   */
  'prompt'?: (string);
  /**
   * What ROUGE compares with; absent: not counted in ROUGE.
   */
  'reference'?: (string);
  /**
   * The row of the data as a JSON object, for rewards that look at it; empty: unknown.
   */
  'rowJson'?: (string);
  '_reference'?: "reference";
}

/**
 * One prompt of the evaluation.
 */
export interface EvaluationPrompt__Output {
  /**
   * Key of its draws; unique.
   */
  'key': (string);
  /**
   * The whole prompt, template included.
   */
  'prompt': (string);
  /**
   * What ROUGE compares with; absent: not counted in ROUGE.
   */
  'reference'?: (string);
  /**
   * The row of the data as a JSON object, for rewards that look at it; empty: unknown.
   */
  'rowJson': (string);
  '_reference'?: "reference";
}
