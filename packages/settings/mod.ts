export type { EvaluatorConfig } from "./evaluator.ts";
export { type Field, fieldsOf, type Kind } from "./field.ts";
export type { LearnerConfig } from "./learner.ts";
export { ConfigError, type ConfigSources, readSettings } from "./load.ts";
export { loraConfigOf } from "./model.ts";
export type { PolicyConfig } from "./policy.ts";
export type { RewardConfig } from "./reward.ts";
export {
  algorithmOf,
  configDifferences,
  configHash,
  continuing,
  decisive,
  mapRunNames,
  recordedRunConfig,
  rewardTermsOf,
  type RunConfig,
  runConfigOf,
  sharingCuts,
  shownRunConfig,
} from "./run.ts";
export {
  coreServiceNames,
  loadSections,
  loadService,
  type Named,
  namedIn,
  type ProcessName,
  processNames,
  type SectionName,
  sectionNames,
  sections,
  sectionsOf,
  type ServiceConfigs,
  type ServiceName,
  serviceNames,
} from "./sections.ts";
export type { CallConfig, ServerSecurityConfig } from "./security.ts";
export type { ListenConfig } from "./service.ts";
export { RUN_ID, RUN_ID_RULE, type TrainerConfig } from "./trainer.ts";
export type { UiConfig } from "./ui.ts";
