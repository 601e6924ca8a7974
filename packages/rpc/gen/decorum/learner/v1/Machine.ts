// Original file: protos/decorum/learner/v1/learner_service.proto


/**
 * What the bytes of a result depend on, besides graph, weights and feeds.
 */
export interface Machine {
  /**
   * Version of onnxruntime, as "1.23.0".
   */
  'onnxruntime'?: (string);
  /**
   * Architecture and model of the processor, and a hash of what a small graph gives on it.
   */
  'cpu'?: (string);
  /**
   * Threads inside one operator, and for 0 (one for each core) how many cores there are, as "2" or "0 of 8 cores".
   */
  'threads'?: (string);
  /**
   * Execution provider: "cpu" or "cuda".
   */
  'provider'?: (string);
  /**
   * What is computed in: "fp32", "fp16" or "bf16".
   */
  'precision'?: (string);
}

/**
 * What the bytes of a result depend on, besides graph, weights and feeds.
 */
export interface Machine__Output {
  /**
   * Version of onnxruntime, as "1.23.0".
   */
  'onnxruntime': (string);
  /**
   * Architecture and model of the processor, and a hash of what a small graph gives on it.
   */
  'cpu': (string);
  /**
   * Threads inside one operator, and for 0 (one for each core) how many cores there are, as "2" or "0 of 8 cores".
   */
  'threads': (string);
  /**
   * Execution provider: "cpu" or "cuda".
   */
  'provider': (string);
  /**
   * What is computed in: "fp32", "fp16" or "bf16".
   */
  'precision': (string);
}
