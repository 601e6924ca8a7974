// Original file: protos/decorum/evaluator/v1/evaluator_service.proto


/**
 * One row of the table of samples.
 */
export interface EvaluationSample {
  /**
   * Key of the prompt.
   */
  'key'?: (string);
  /**
   * The prompt.
   */
  'prompt'?: (string);
  /**
   * The response before.
   */
  'before'?: (string);
  /**
   * The response after.
   */
  'after'?: (string);
  /**
   * Toxicity of the response before.
   */
  'toxicityBefore'?: (number | string);
  /**
   * Toxicity of the response after.
   */
  'toxicityAfter'?: (number | string);
  /**
   * Terms of the reward of the response before, by name; one that does not apply is left out.
   */
  'rewardsBefore'?: ({[key: string]: number | string});
  /**
   * Terms of the reward of the response after, likewise.
   */
  'rewardsAfter'?: ({[key: string]: number | string});
}

/**
 * One row of the table of samples.
 */
export interface EvaluationSample__Output {
  /**
   * Key of the prompt.
   */
  'key': (string);
  /**
   * The prompt.
   */
  'prompt': (string);
  /**
   * The response before.
   */
  'before': (string);
  /**
   * The response after.
   */
  'after': (string);
  /**
   * Toxicity of the response before.
   */
  'toxicityBefore': (number);
  /**
   * Toxicity of the response after.
   */
  'toxicityAfter': (number);
  /**
   * Terms of the reward of the response before, by name; one that does not apply is left out.
   */
  'rewardsBefore': ({[key: string]: number});
  /**
   * Terms of the reward of the response after, likewise.
   */
  'rewardsAfter': ({[key: string]: number});
}
