// Original file: protos/decorum/policy/v1/weights.proto

import type { TensorDtype as _decorum_policy_v1_TensorDtype, TensorDtype__Output as _decorum_policy_v1_TensorDtype__Output } from '../../../decorum/policy/v1/TensorDtype.ts';

/**
 * One tensor of a push.
 */
export interface TensorEntry {
  /**
   * The checkpoint's own key, as PEFT writes it, or `v_head.summary.weight`, `v_head.summary.bias`.
   */
  'name'?: (string);
  /**
   * Element type.
   */
  'dtype'?: (_decorum_policy_v1_TensorDtype);
  /**
   * Dimensions; none for a scalar.
   */
  'dims'?: (number)[];
  /**
   * SHA-256 of the tensor's bytes (32 bytes).
   */
  'sha256'?: (Buffer | Uint8Array | string);
}

/**
 * One tensor of a push.
 */
export interface TensorEntry__Output {
  /**
   * The checkpoint's own key, as PEFT writes it, or `v_head.summary.weight`, `v_head.summary.bias`.
   */
  'name': (string);
  /**
   * Element type.
   */
  'dtype': (_decorum_policy_v1_TensorDtype__Output);
  /**
   * Dimensions; none for a scalar.
   */
  'dims': (number)[];
  /**
   * SHA-256 of the tensor's bytes (32 bytes).
   */
  'sha256': (Buffer);
}
