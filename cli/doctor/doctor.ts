import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { z } from "zod";
import {
  ConfigError,
  type EvaluatorConfig,
  evaluatorConfig,
  loadConfig,
  type PolicyConfig,
  policyConfig,
  type RewardConfig,
  rewardConfig,
  telemetryConfig,
  type TrainerConfig,
  trainerConfig,
} from "@decorum/settings";
import { baseModelHash } from "@decorum/models";
import { spiffeName } from "@decorum/rpc";
import { callSecurity } from "@decorum/service";
import { namedSources } from "../named_sources.ts";
import { type ServiceName, serviceNames } from "../services.ts";
import { certificates } from "./certificates.ts";
import { fail, type Finding, ok } from "./finding.ts";
import {
  capacity,
  clock,
  denoVersion,
  memory,
  provider,
  threads,
  writableFolder,
} from "./machine.ts";
import { model, type ModelFinding } from "./models.ts";
import { peer, port, sameModel } from "./network.ts";

/** What to look at. */
export interface DoctorOptions {
  /** Without one, the machine alone. */
  readonly config: string | undefined;
  readonly set: readonly string[];
  /** One service of the configuration; undefined: all that it has. */
  readonly service: ServiceName | undefined;
  readonly now?: Date;
}

type ServiceConfig = PolicyConfig | RewardConfig | EvaluatorConfig | TrainerConfig;

const schemas: Readonly<Record<ServiceName, z.ZodType<ServiceConfig>>> = {
  policy: policyConfig,
  reward: rewardConfig,
  evaluator: evaluatorConfig,
  trainer: trainerConfig,
};

/** Copies of a model's weights that a service holds at its peak, at least: the trainer's gradients need as much again. */
const COPIES: Readonly<Record<ServiceName, number>> = {
  policy: 1,
  reward: 1,
  evaluator: 1,
  trainer: 2,
};

/** Looks at this machine and at what a configuration needs of it; starts nothing, loads no model. */
export async function examine(options: DoctorOptions): Promise<Finding[]> {
  const now = options.now ?? new Date();
  const here = statSync(fileURLToPath(import.meta.url)).mtime;
  const machine = [denoVersion(), clock(now, here), provider("cpu", "onnxruntime")];
  if (options.config === undefined) return [...machine, writableFolder("folder", process.cwd())];
  const sources = { file: options.config, env: process.env, set: options.set };
  let sections: ServiceName[];
  try {
    const whole = loadConfig(z.looseObject({}), sources) as Record<string, unknown>;
    sections = serviceNames.filter((name) =>
      options.service === undefined ? whole[name] !== undefined : name === options.service
    );
  } catch (error) {
    return [...machine, fail("configuration", (error as Error).message, "correct the file")];
  }
  if (sections.length === 0) {
    const found = `${options.config} has no section of a service`;
    return [...machine, fail("configuration", found, `expected ${serviceNames.join(", ")}`)];
  }
  const services: Finding[] = [];
  for (const name of sections) services.push(...await examineService(name, sources, now));
  return [...machine, ...services];
}

async function examineService(
  name: ServiceName,
  sources: {
    readonly file: string;
    readonly env: NodeJS.ProcessEnv;
    readonly set: readonly string[];
  },
  now: Date,
): Promise<Finding[]> {
  let config: ServiceConfig;
  try {
    const schema = z.object({ [name]: schemas[name], telemetry: telemetryConfig });
    config = loadConfig(schema, sources)[name] as ServiceConfig;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => fail(name, problem, "correct the configuration"));
  }
  const findings: Finding[] = [ok(name, `settings of ${sources.file}`)];
  const room = capacity();
  if (config.provider === "cuda") findings.push(provider("cuda", `${name}.provider`));
  findings.push(threads(`${name}.threads`, config.threads, room));

  const named = namedSources({ config: sources.file, set: sources.set, service: name });
  const models = new Map<string, ModelFinding>();
  for (const one of named) models.set(one.setting, await model(one));
  findings.push(...[...models.values()].map(({ finding }) => finding));
  const bytes = [...models.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (bytes > 0 && config.provider === "cpu") {
    findings.push(memory(`${name} memory`, bytes * COPIES[name], room));
  }
  if (config.tls !== null) {
    const identity = spiffeName(name, config.trust_domain);
    findings.push(...certificates(`${name}.tls`, config.tls, identity, now));
  }
  for (const setting of ["listen", "health_listen", "metrics_listen"] as const) {
    const address = config[setting];
    if (address !== null) {
      findings.push(await port(`${name}.${setting}`, address, config.health_listen));
    }
  }
  if (name === "trainer") {
    findings.push(writableFolder("trainer.runs", (config as TrainerConfig).runs));
  }
  findings.push(...await examinePeers(name, config, models.get("trainer.model")?.path));
  return findings;
}

/** The services that a service calls, with the certificates by which it calls them. */
async function examinePeers(
  name: ServiceName,
  config: ServiceConfig,
  base: string | undefined,
): Promise<Finding[]> {
  if (!("policy" in config)) return [];
  const called: (readonly [ServiceName, string])[] = config.policy.map((one) => ["policy", one]);
  if ("reward" in config) called.push(["reward", config.reward]);
  if ("reward" in config && config.evaluator !== null) called.push(["evaluator", config.evaluator]);
  let security;
  try {
    security = callSecurity(config, name);
  } catch (error) {
    return [fail(`${name}.client_tls`, (error as Error).message, "correct the files")];
  }
  const findings: Finding[] = [];
  for (const [one, address] of called) {
    const call = security(one);
    const found = await peer(`${name} -> ${one}`, address, call);
    findings.push(...found);
    if (one === "policy" && base !== undefined && found.some(({ status }) => status === "ok")) {
      findings.push(await sameModel(`${name} -> policy`, address, call, await baseModelHash(base)));
    }
  }
  return findings;
}
