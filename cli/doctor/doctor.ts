import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import {
  type CallConfig,
  ConfigError,
  type ConfigSources,
  loadSections,
  type Named,
  namedIn,
  readSettings,
  sectionsOf,
  type ServiceConfigs,
  type ServiceName,
  serviceNames,
} from "@decorum/settings";
import { baseModelHash } from "@decorum/models";
import { spiffeName } from "@decorum/rpc";
import { callSecurity } from "@decorum/service";
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

/** Copies of a model's weights that a service holds at its peak, at least: gradients need as much again. */
const COPIES: Readonly<Record<ServiceName, number>> = {
  policy: 1,
  reward: 1,
  evaluator: 1,
  learner: 2,
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
    const { values } = readSettings(sources);
    sections = serviceNames.filter((name) =>
      options.service === undefined ? values[name] !== undefined : name === options.service
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
  sources: ConfigSources & { readonly file: string },
  now: Date,
): Promise<Finding[]> {
  let sections;
  try {
    sections = loadSections(sectionsOf[name], sources);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => fail(name, problem, "correct the configuration"));
  }
  const config = sections[name] as ServiceConfigs[ServiceName];
  const findings: Finding[] = [ok(name, `settings of ${sources.file}`)];
  const room = capacity();
  if (config.provider === "cuda") findings.push(provider("cuda", `${name}.provider`));
  findings.push(threads(`${name}.threads`, config.threads, room));

  const models = new Map<string, ModelFinding>();
  for (const one of namedIn(sections, "model", "onnx", "data")) {
    models.set(one.name, await model(one));
  }
  findings.push(...[...models.values()].map(({ finding }) => finding));
  const bytes = [...models.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (bytes > 0 && config.provider === "cpu") {
    findings.push(memory(`${name} memory`, bytes * COPIES[name], room));
  }
  if (config.tls !== null) {
    const identity = spiffeName(name, config.trust_domain);
    findings.push(...certificates(`${name}.tls`, config.tls, identity, now));
  }
  for (const { name: setting, value } of namedIn(sections, "listen")) {
    findings.push(await port(setting, value, config.health_listen));
  }
  for (const { name: setting, value } of namedIn(sections, "folder")) {
    findings.push(writableFolder(setting, value));
  }
  if ("client_tls" in config) {
    const base = name === "trainer" ? models.get("model.name_or_path")?.path : undefined;
    findings.push(...await examinePeers(name, config, namedIn(sections, "service"), base));
  }
  return findings;
}

/** The services that a service calls, with the certificates by which it calls them. */
async function examinePeers(
  name: ServiceName,
  config: CallConfig,
  called: readonly Named[],
  base: string | undefined,
): Promise<Finding[]> {
  let security;
  try {
    security = callSecurity(config, name);
  } catch (error) {
    return [fail(`${name}.client_tls`, (error as Error).message, "correct the files")];
  }
  const findings: Finding[] = [];
  for (const { service: one, value: address } of called) {
    if (one === undefined) {
      throw new Error(`internal: ${name} calls ${address}, a service without a name`);
    }
    const call = security(one);
    const found = await peer(`${name} -> ${one}`, address, call);
    findings.push(...found);
    const holdsModel = one === "policy" || one === "learner";
    if (holdsModel && base !== undefined && found.some(({ status }) => status === "ok")) {
      const target = { service: one, address, call };
      findings.push(await sameModel(`${name} -> ${one}`, target, await baseModelHash(base)));
    }
  }
  return findings;
}
