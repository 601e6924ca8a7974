// Original file: protos/decorum/policy/v1/weights.proto

/**
 * Element type of a tensor on the wire: little-endian, row-major.
 */
export const TensorDtype = {
  /**
   * Refused.
   */
  TENSOR_DTYPE_UNSPECIFIED: 'TENSOR_DTYPE_UNSPECIFIED',
  /**
   * IEEE 754 binary32.
   */
  TENSOR_DTYPE_FLOAT32: 'TENSOR_DTYPE_FLOAT32',
  /**
   * IEEE 754 binary16.
   */
  TENSOR_DTYPE_FLOAT16: 'TENSOR_DTYPE_FLOAT16',
  /**
   * The upper half of binary32.
   */
  TENSOR_DTYPE_BFLOAT16: 'TENSOR_DTYPE_BFLOAT16',
} as const;

/**
 * Element type of a tensor on the wire: little-endian, row-major.
 */
export type TensorDtype =
  /**
   * Refused.
   */
  | 'TENSOR_DTYPE_UNSPECIFIED'
  | 0
  /**
   * IEEE 754 binary32.
   */
  | 'TENSOR_DTYPE_FLOAT32'
  | 1
  /**
   * IEEE 754 binary16.
   */
  | 'TENSOR_DTYPE_FLOAT16'
  | 2
  /**
   * The upper half of binary32.
   */
  | 'TENSOR_DTYPE_BFLOAT16'
  | 3

/**
 * Element type of a tensor on the wire: little-endian, row-major.
 */
export type TensorDtype__Output = typeof TensorDtype[keyof typeof TensorDtype]
