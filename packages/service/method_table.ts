import {
  evaluatorService,
  inferenceService,
  learnerService,
  policyService,
  rewardAdminService,
  rewardService,
  teiInfoService,
  teiPredictService,
  trainerService,
} from "@decorum/rpc";

const services = [
  policyService,
  rewardService,
  rewardAdminService,
  inferenceService,
  teiInfoService,
  teiPredictService,
  evaluatorService,
  learnerService,
  trainerService,
];

/** Every method of the project's services, as "package.Service/Method". */
export const allMethods: readonly string[] = services.flatMap(({ name, methods }) =>
  Object.keys(methods).map((method) => `${name}/${method}`)
);

/** Who there is: what comes after spiffe://<trust domain>/. People are operators; other systems are clients. */
export const roles = {
  trainer: "trainer",
  evaluator: "evaluator",
  operator: "operator",
  clients: "client/*",
} as const;

const { trainer, evaluator, operator, clients } = roles;

/** Who may call what where the configuration says nothing else. What is not here is denied. */
export const methodTable: Readonly<Record<string, readonly string[]>> = {
  // Weights come from the trainer alone.
  [`${policyService.name}/BeginWeights`]: [trainer],
  [`${policyService.name}/UploadWeights`]: [trainer],
  [`${policyService.name}/CommitWeights`]: [trainer],
  [`${policyService.name}/AbortWeights`]: [trainer],
  [`${policyService.name}/RollbackWeights`]: [trainer],
  [`${policyService.name}/Generate`]: [trainer, evaluator],
  [`${policyService.name}/GetVersion`]: [trainer, evaluator, operator],
  [`${policyService.name}/GetModelInfo`]: [trainer, evaluator, operator],
  [`${rewardService.name}/*`]: [trainer, evaluator, operator, clients],
  [`${inferenceService.name}/*`]: [operator, clients],
  [`${teiInfoService.name}/*`]: [operator, clients],
  [`${teiPredictService.name}/*`]: [operator, clients],
  [`${rewardAdminService.name}/*`]: [operator],
  [`${evaluatorService.name}/*`]: [trainer, operator],
  [`${learnerService.name}/*`]: [trainer],
  [`${learnerService.name}/GetInfo`]: [trainer, operator],
  [`${trainerService.name}/*`]: [operator],
};
