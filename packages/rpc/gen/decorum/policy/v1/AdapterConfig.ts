// Original file: protos/decorum/policy/v1/weights.proto


/**
 * What kind of adapter the tensors make.
 */
export interface AdapterConfig {
  /**
   * Rank; at least 1.
   */
  'r'?: (number);
  /**
   * lora_alpha: the update is scaled by lora_alpha / r.
   */
  'loraAlpha'?: (number | string);
  /**
   * Last component of the names of the adapted layers, as "q" and "v".
   */
  'targetModules'?: (string)[];
}

/**
 * What kind of adapter the tensors make.
 */
export interface AdapterConfig__Output {
  /**
   * Rank; at least 1.
   */
  'r': (number);
  /**
   * lora_alpha: the update is scaled by lora_alpha / r.
   */
  'loraAlpha': (number);
  /**
   * Last component of the names of the adapted layers, as "q" and "v".
   */
  'targetModules': (string)[];
}
