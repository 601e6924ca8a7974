// Original file: protos/decorum/learner/v1/tensors.proto

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
   * IEEE 754 binary64.
   */
  TENSOR_DTYPE_FLOAT64: 'TENSOR_DTYPE_FLOAT64',
  /**
   * IEEE 754 binary16.
   */
  TENSOR_DTYPE_FLOAT16: 'TENSOR_DTYPE_FLOAT16',
  /**
   * The upper half of binary32.
   */
  TENSOR_DTYPE_BFLOAT16: 'TENSOR_DTYPE_BFLOAT16',
  /**
   * Signed, 8 bits.
   */
  TENSOR_DTYPE_INT8: 'TENSOR_DTYPE_INT8',
  /**
   * Unsigned, 8 bits.
   */
  TENSOR_DTYPE_UINT8: 'TENSOR_DTYPE_UINT8',
  /**
   * Signed, 32 bits.
   */
  TENSOR_DTYPE_INT32: 'TENSOR_DTYPE_INT32',
  /**
   * Signed, 64 bits.
   */
  TENSOR_DTYPE_INT64: 'TENSOR_DTYPE_INT64',
  /**
   * One byte each, 0 or 1.
   */
  TENSOR_DTYPE_BOOL: 'TENSOR_DTYPE_BOOL',
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
   * IEEE 754 binary64.
   */
  | 'TENSOR_DTYPE_FLOAT64'
  | 2
  /**
   * IEEE 754 binary16.
   */
  | 'TENSOR_DTYPE_FLOAT16'
  | 3
  /**
   * The upper half of binary32.
   */
  | 'TENSOR_DTYPE_BFLOAT16'
  | 4
  /**
   * Signed, 8 bits.
   */
  | 'TENSOR_DTYPE_INT8'
  | 5
  /**
   * Unsigned, 8 bits.
   */
  | 'TENSOR_DTYPE_UINT8'
  | 6
  /**
   * Signed, 32 bits.
   */
  | 'TENSOR_DTYPE_INT32'
  | 7
  /**
   * Signed, 64 bits.
   */
  | 'TENSOR_DTYPE_INT64'
  | 8
  /**
   * One byte each, 0 or 1.
   */
  | 'TENSOR_DTYPE_BOOL'
  | 9

/**
 * Element type of a tensor on the wire: little-endian, row-major.
 */
export type TensorDtype__Output = typeof TensorDtype[keyof typeof TensorDtype]
