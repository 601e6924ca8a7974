export { GraphBuilder } from "./builder.ts";
export { DEFAULT_OPSET, encodeModel } from "./codec/encode.ts";
export { scalarTensor } from "./constant.ts";
export { evaluateDim, remainingDim, subDims } from "./dims.ts";
export {
  type Attribute,
  type Dim,
  elementTypeCode,
  type Graph,
  type Initializer,
  type Node,
  type Shape,
  type TypedName,
  Value,
  type ValueType,
} from "./graph.ts";
export { if_, loop } from "./ops/control.ts";
export {
  abs,
  add,
  cast,
  clip,
  cos,
  div,
  erf,
  exp,
  floor,
  gelu,
  identity,
  log,
  max,
  min,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sign,
  sin,
  sqrt,
  sub,
  tanh,
} from "./ops/elementwise.ts";
export {
  gather,
  gatherElements,
  gatherND,
  nonZero,
  scatterElements,
  scatterND,
  tensorScatter,
} from "./ops/indexing.ts";
export { gemm, matmul } from "./ops/linalg.ts";
export {
  and,
  equal,
  greater,
  greaterOrEqual,
  isInf,
  isNaN,
  less,
  lessOrEqual,
  not,
  or,
  where,
} from "./ops/logical.ts";
export { layerNormalization, logSoftmax, rmsNormalization, softmax } from "./ops/normalization.ts";
export {
  dequantizeLinear,
  dynamicQuantizeLinear,
  matMulInteger,
  quantizeLinear,
} from "./ops/quantization.ts";
export {
  argMax,
  cumSum,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  topK,
} from "./ops/reduction.ts";
export { concat, constantOfShape, pad, range, slice, split } from "./ops/segment.ts";
export {
  expand,
  expandLike,
  reshape,
  reshapeLike,
  shapeOf,
  sizeOf,
  squeeze,
  tile,
  transpose,
  trilu,
  unsqueeze,
} from "./ops/shape.ts";
export { printGraph } from "./printer.ts";
export { allSchemas } from "./schemas.ts";
