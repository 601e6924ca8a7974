import { isJsonObject, type JsonObject } from "@decorum/tensor";
import { z } from "zod";
import { type EvaluatorConfig, evaluatorSection } from "./evaluator.ts";
import { type Kind, mapNamed, type NamedValue } from "./field.ts";
import { type LearnerConfig, learnerSection } from "./learner.ts";
import { checked, type ConfigSources, readSettings } from "./load.ts";
import { modelSection } from "./model.ts";
import { type PolicyConfig, policySection } from "./policy.ts";
import { type RewardConfig, rewardSection } from "./reward.ts";
import { clientSection } from "./security.ts";
import { type TelemetryConfig, telemetrySection } from "./service.ts";
import { type TrainerConfig, trainerSection } from "./trainer.ts";
import { uiSection } from "./ui.ts";

/** Every section of a configuration, in the order of `config/example.yaml`. */
export const sections = {
  model: modelSection,
  policy: policySection,
  reward: rewardSection,
  evaluator: evaluatorSection,
  learner: learnerSection,
  trainer: trainerSection,
  ui: uiSection,
  client: clientSection,
  telemetry: telemetrySection,
} as const;
export type SectionName = keyof typeof sections;
export const sectionNames = Object.keys(sections) as readonly SectionName[];

/** The services that every training has, in the order in which they start: who is called comes first. */
export const coreServiceNames = ["policy", "reward", "evaluator", "trainer"] as const;

/** All services. A trainer without learners computes itself. */
export const serviceNames = [...coreServiceNames, "learner"] as const;
export type ServiceName = typeof serviceNames[number];

/** All that run as processes of their own: the services, and the page of runs. */
export const processNames = [...serviceNames, "ui"] as const;
export type ProcessName = typeof processNames[number];

/** What each service is started with. */
export interface ServiceConfigs {
  readonly policy: PolicyConfig;
  readonly reward: RewardConfig;
  readonly evaluator: EvaluatorConfig;
  readonly learner: LearnerConfig;
  readonly trainer: TrainerConfig;
}

/** The sections that a service reads. */
export const sectionsOf: Readonly<Record<ServiceName, readonly SectionName[]>> = {
  policy: ["policy", "model", "telemetry"],
  reward: ["reward", "telemetry"],
  evaluator: ["evaluator", "telemetry"],
  learner: ["learner", "model", "telemetry"],
  trainer: ["trainer", "model", "telemetry"],
};

/**
 * The sections named, from all sources.
 *
 * @throws ConfigError as {@link checked}, also for a section that does not exist
 */
export function loadSections<N extends SectionName>(
  names: readonly N[],
  sources: ConfigSources,
): { readonly [K in N]: z.output<typeof sections[K]> } {
  const { values, problems, originOf } = readSettings(sources);
  const wanted = (name: SectionName) => names.some((one) => one === name);
  const schema = z.strictObject(Object.fromEntries(
    sectionNames.map((name) => [name, wanted(name) ? sections[name] : z.unknown().optional()]),
  ));
  // A section that is missing misses the fields that it must have.
  const given: Record<string, unknown> = {
    ...Object.fromEntries(names.map((name) => [name, {}])),
    ...values,
  };
  const { evaluator } = given;
  if (wanted("evaluator") && isJsonObject(evaluator)) {
    given["evaluator"] = { ...evaluator, rewards: measuredTerms(given) };
  }
  const found = checked(schema, given, { problems, originOf });
  return Object.fromEntries(names.map((name) => [name, found[name]])) as {
    readonly [K in N]: z.output<typeof sections[K]>;
  };
}

/**
 * What an evaluator measures: its own terms, or else those that the trainer of the same configuration rewards with.
 * Classifiers of the trainer's reward service are found there.
 */
function measuredTerms({ evaluator, trainer }: JsonObject): unknown {
  const own = isJsonObject(evaluator) ? evaluator["rewards"] : undefined;
  if (!isJsonObject(trainer)) return own;
  const terms = own ?? trainer["rewards"];
  const reward = trainer["reward"] ?? trainerSection.shape.reward.parse(undefined);
  if (!Array.isArray(terms)) return terms;
  return terms.map((term: unknown) =>
    isJsonObject(term) && term["kind"] === "classifier"
      ? { ...term, service: term["service"] ?? reward }
      : term
  );
}

/**
 * What a service is started with.
 *
 * @throws ConfigError as {@link loadSections}
 */
export function loadService<N extends ServiceName>(
  name: N,
  sources: ConfigSources,
): { readonly config: ServiceConfigs[N]; readonly telemetry: TelemetryConfig } {
  const { [name]: section, model, telemetry } = loadSections(sectionsOf[name], sources);
  const config = { ...section as object, ...(sectionsOf[name].includes("model") ? { model } : {}) };
  return { config: config as ServiceConfigs[N], telemetry };
}

/** What a setting names, of some kinds. */
export type Named<K extends Kind = Kind> = NamedValue & { readonly kind: K };

/**
 * What sections name, of some kinds.
 *
 * @param values sections by name, checked or as they were given
 */
export function namedIn<K extends Kind>(
  values: Readonly<Partial<Record<SectionName, unknown>>>,
  ...kinds: readonly K[]
): Named<K>[] {
  const found: Named<K>[] = [];
  for (const name of sectionNames) {
    mapNamed(name, sections[name], values[name], (one) => {
      if (kinds.some((kind) => kind === one.kind)) found.push(one as Named<K>);
    });
  }
  return found;
}
