export {
  aggregate,
  type Aggregation,
  moments,
  normalize,
  NORMALIZE_EPS,
  type TermScores,
  type WeightedScores,
} from "./aggregate.ts";
export { type BuiltinReward, builtinSource } from "./builtin.ts";
export { type CodeReward, codeSource } from "./code.ts";
export { type RemoteReward, remoteSource } from "./remote.ts";
export { evaluateExpression, type LabelExpression, parseExpression } from "./expression.ts";
export {
  checkScores,
  type RewardBatch,
  type RewardCall,
  RewardError,
  type RewardSource,
} from "./source.ts";
