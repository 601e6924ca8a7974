import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { writeCertificates } from "../../../cli/certificates/folder.ts";
import { certificateFiles } from "../../../cli/certificates/files.ts";
import { PROMPT_TEMPLATE, promptRows } from "../../../demo/corpus/mod.ts";
import { type Manifest, render } from "../chart.ts";
import { type Host, Network } from "./hosts.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const entry = readFileSync(join(root, "deploy/images/decorum.sh"), "utf8");

export type Role = "policy" | "reward" | "evaluator" | "learner" | "trainer";

/** A process on a machine of its own. */
export interface Member {
  readonly host: Host;
  /** Resolves at its `ready` line. @throws Error with what it said when it ends before */
  readonly ready: Promise<void>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** What it wrote to standard error. */
  log(): string;
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** A line to its standard input. */
  say(line: string): void;
}

/** Names under which the chart's services call each other, in the release "demo" of the namespace "rlhf". */
export const policyName = "demo-decorum-policy.rlhf.svc";
export const rewardName = "demo-decorum-reward.rlhf.svc";
export const evaluatorName = "demo-decorum-evaluator.rlhf.svc";
export const learnerName = "demo-decorum-learner.rlhf.svc";

/**
 * Services on machines of their own, started as the chart starts them: its configuration and arguments, the image's
 * entry point with its scoped permissions, certificates between all. Only the folders lie elsewhere.
 */
export class Cluster implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "decorum-network-"));
  readonly network = new Network();
  readonly #members: Member[] = [];
  readonly #manifests = new Map<string, Promise<Manifest[]>>();

  /** @param settings of the trainer, over those of a small run */
  constructor(readonly settings: object) {
    cpSync(join(root, "demo/models"), join(this.folder, "models"), { recursive: true });
    mkdirSync(join(this.folder, "data"));
    const write = (name: string, rows: ReturnType<typeof promptRows>) =>
      writeFileSync(
        join(this.folder, "data", name),
        rows.map(({ dialogue }) => JSON.stringify({ dialogue }) + "\n").join(""),
      );
    write("train.jsonl", promptRows(1, "ppo", 120));
    write("eval.jsonl", promptRows(1, "held-out", 8));
  }

  /** Makes the certificates of `decorum certs` for all addresses that there will be. */
  async certify(hosts: readonly Host[]): Promise<void> {
    await writeCertificates({
      folder: join(this.folder, "certs"),
      trustDomain: "decorum",
      hosts: [
        policyName,
        rewardName,
        evaluatorName,
        learnerName,
        ...hosts.map(({ address }) => address),
      ],
      days: 2,
      now: new Date(),
    });
  }

  /** What a caller needs in order to call as the trainer does. */
  get callerTls() {
    return certificateFiles(join(this.folder, "certs"), "trainer");
  }

  get runs(): string {
    return join(this.folder, "runs");
  }

  /** Starts a service of the chart on a machine. @param run of the trainer */
  async start(role: Role, host: Host, run = "calm"): Promise<Member> {
    const all = await this.#render(run);
    const name = `demo-decorum-${role}`;
    const template = all.flatMap(({ kind, metadata, spec }) =>
      kind === "Deployment" && metadata.name === name
        ? spec.template!
        : (spec?.replicatedJobs ?? []).map(({ template }) => template.spec.template)
    ).find(({ spec: { containers: [one] } }) => one.name === role)!;
    const [container] = template.spec.containers;
    const config = all.find(({ kind, metadata }) =>
      kind === "ConfigMap" && metadata.name === name
    )!;
    const own = join(this.folder, host.namespace);
    mkdirSync(join(own, "etc/decorum-tls"), { recursive: true });
    const { ca, cert, key } = certificateFiles(join(this.folder, "certs"), role);
    for (const [from, to] of [[ca, "ca.crt"], [cert, "tls.crt"], [key, "tls.key"]] as const) {
      cpSync(from, join(own, "etc/decorum-tls", to));
    }
    const here = (text: string) =>
      text.replaceAll(/(?<![\w.-])\/(models|data|runs)(?![\w-])/g, `${this.folder}/$1`)
        .replaceAll("/etc/decorum", `${own}/etc/decorum`);
    mkdirSync(join(own, "etc/decorum"), { recursive: true });
    writeFileSync(join(own, "etc/decorum/config.yaml"), here(config.data!["config.yaml"]!));
    const env = Object.fromEntries(
      (container.env ?? []).map(({ name, value }) => [name, here(value ?? "")]),
    );
    const script = entry.replaceAll("/app/", root);
    const args = (container.args ?? []).map(here);
    return this.#spawn(host, ["sh", "-c", script, "decorum", ...args], env);
  }

  /** Starts a relay on a machine, to another's gRPC port. */
  relay(host: Host, target: Host): Member {
    const file = fileURLToPath(new URL("relay.ts", import.meta.url));
    const ports = [`${host.address}:50051`, `${target.address}:50051`];
    const command = [process.execPath, "run", "--no-check", "--allow-net", file, ...ports];
    return this.#spawn(host, command, {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) member.signal("SIGKILL");
    await Promise.all(this.#members.map(({ ended }) => ended));
    this.network[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #render(run: string): Promise<Manifest[]> {
    const cpu = { requests: { cpu: 1, memory: "1Gi" } };
    const found = this.#manifests.get(run) ?? render(["values-cpu.yaml"], {
      model: {
        name_or_path: "/models/policy",
        lora: { r: 4, lora_alpha: 8, lora_dropout: 0, target_modules: ["q", "v"] },
      },
      models: { download: false },
      tls: { mode: "secret" },
      policy: { replicas: 3, resources: cpu, config: { drain_delay_s: 3 } },
      reward: {
        ...{ replicas: 2, resources: cpu },
        config: { model: "/models/reward", drain_delay_s: 3 },
      },
      learner: { replicas: 2, resources: cpu, config: { drain_delay_s: 3 } },
      evaluator: {
        resources: cpu,
        config: {
          toxicity: { model: "/models/reward", label: "hate" },
          drain_delay_s: 3,
        },
      },
      trainer: {
        run,
        resources: cpu,
        config: {
          seed: 3,
          rollout: { group_size: 2 },
          data: {
            ...{ train: "/data/train.jsonl", eval: "/data/eval.jsonl", prompt: PROMPT_TEMPLATE },
            reference_column: null,
          },
          checkpoint: { every_steps: 5, keep: 2 },
          evaluate: { every_steps: 4, prompts: 8 },
          ...this.settings,
        },
      },
    });
    this.#manifests.set(run, found);
    return found;
  }

  #spawn(host: Host, command: readonly string[], env: Record<string, string>): Member {
    const child: ChildProcess = spawn("ip", ["netns", "exec", host.namespace, ...command], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    let gone = false;
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => {});
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (/^ready /m.test(output)) ready.resolve();
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => void (errors += text));
    const ended = new Promise<number | string>((resolve) =>
      child.on("close", (code, signal) => {
        gone = true;
        resolve(code ?? signal ?? "nothing");
      })
    );
    void ended.then((code) =>
      ready.reject(new Error(`${command.at(-1)} ended with ${code}: ${errors}`))
    );
    const member: Member = {
      host,
      ready: ready.promise,
      ended,
      log: () => errors,
      // ip and the shell have given their process to the program: the id is its own. Deno's `child.kill` would say
      // that the signal ended it, whatever its exit code.
      signal: (name) => {
        const lives = child.exitCode === null && child.signalCode === null && !gone;
        if (lives && child.pid !== undefined) process.kill(child.pid, name);
      },
      say: (line) => void child.stdin!.write(`${line}\n`),
    };
    this.#members.push(member);
    return member;
  }
}
