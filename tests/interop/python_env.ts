import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const venv = join(root, ".venv");
const python = join(venv, "bin", "python");
const stamp = join(venv, "requirements.sha256");
const lock = join(venv, "installing.pid");
const pins = join(here, "requirements.txt");
const pinsWithoutDependencies = join(here, "requirements_nodeps.txt");
const listed = [
  pins,
  pinsWithoutDependencies,
  join(here, "requirements_clients.txt"),
  join(root, "tools", "golden", "requirements.txt"),
];

let ready: Promise<string> | undefined;

/**
 * Path of a Python that has PyTorch, transformers, PEFT and TRL at the pinned versions.
 *
 * The first call makes a virtual environment in `.venv/` of the repository and installs the requirements,
 * which takes minutes; later calls and processes find it by a hash of the requirement files. Processes that
 * ask at the same time wait for the one that installs.
 *
 * @throws {Error} if `python3` is missing or an install fails, with the end of what it printed.
 */
export function ensurePython(): Promise<string> {
  ready ??= prepare();
  return ready;
}

async function prepare(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of listed) hash.update(readFileSync(file));
  const wanted = hash.digest("hex");
  if (installed() === wanted) return python;
  mkdirSync(venv, { recursive: true });
  await takeLock();
  try {
    if (installed() === wanted) return python;
    console.log("interop: making a Python environment in .venv (once; this takes minutes)");
    await run("python3", ["-m", "venv", venv]); // also repairs one that was interrupted
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    for (const [file, options] of [[pins, []], [pinsWithoutDependencies, ["--no-deps"]]] as const) {
      console.log(
        `interop: pip install ${[...options, "-r", file.slice(root.length + 1)].join(" ")}`,
      );
      await run(python, [...pip, ...options, "-r", file]);
    }
    writeFileSync(stamp, wanted);
    console.log("interop: the Python environment is ready");
    return python;
  } finally {
    rmSync(lock, { force: true });
  }
}

function installed(): string | undefined {
  return existsSync(stamp) && existsSync(python) ? readFileSync(stamp, "utf8") : undefined;
}

/** One process installs; a lock left by a process that no longer runs is taken over. */
async function takeLock(): Promise<void> {
  for (;;) {
    try {
      return writeFileSync(lock, String(process.pid), { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (!holderRuns()) rmSync(lock, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function holderRuns(): boolean {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    if (pid > 0) process.kill(pid, 0);
    return true; // an empty file: its writer has made it and not yet filled it
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Uint8Array) =>
      output = (output + new TextDecoder().decode(chunk)).slice(-4000);
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new Error(
          cause.code === "ENOENT"
            ? `Cannot run "${command}": it is not on PATH. The interop tests need Python 3.11 or newer with venv.`
            : `Cannot run "${command}": ${cause.message}`,
          { cause },
        ),
      ));
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`"${command} ${args.join(" ")}" exited with ${code}:\n${output}`));
    });
  });
}
