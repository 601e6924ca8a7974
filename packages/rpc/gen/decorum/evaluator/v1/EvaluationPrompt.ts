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
  '_reference'?: "reference";
}
