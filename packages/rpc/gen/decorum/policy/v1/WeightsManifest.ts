// Original file: protos/decorum/policy/v1/weights.proto

import type { TensorEntry as _decorum_policy_v1_TensorEntry, TensorEntry__Output as _decorum_policy_v1_TensorEntry__Output } from '../../../decorum/policy/v1/TensorEntry.ts';
import type { AdapterConfig as _decorum_policy_v1_AdapterConfig, AdapterConfig__Output as _decorum_policy_v1_AdapterConfig__Output } from '../../../decorum/policy/v1/AdapterConfig.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Everything about a push that is checked before its bytes are read.
 */
export interface WeightsManifest {
  /**
   * Tensors in the order of their bytes in the upload, without gaps.
   */
  'tensors'?: (_decorum_policy_v1_TensorEntry)[];
  /**
   * The adapter that the tensors make.
   */
  'adapter'?: (_decorum_policy_v1_AdapterConfig | null);
  /**
   * Sum of all tensors' bytes.
   */
  'totalBytes'?: (number | string | Long);
  /**
   * True: these are the weights that training starts from; they become START of the run, and version 0.
   */
  'start'?: (boolean);
}

/**
 * Everything about a push that is checked before its bytes are read.
 */
export interface WeightsManifest__Output {
  /**
   * Tensors in the order of their bytes in the upload, without gaps.
   */
  'tensors': (_decorum_policy_v1_TensorEntry__Output)[];
  /**
   * The adapter that the tensors make.
   */
  'adapter': (_decorum_policy_v1_AdapterConfig__Output | null);
  /**
   * Sum of all tensors' bytes.
   */
  'totalBytes': (number);
  /**
   * True: these are the weights that training starts from; they become START of the run, and version 0.
   */
  'start': (boolean);
}
