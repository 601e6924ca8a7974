import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "./python_env.ts";

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Runs a script of this folder in the environment of {@link ensurePython} and returns the JSON it prints.
 *
 * @param script File name, for example `"peft_roundtrip.py"`.
 * @throws {Error} with the end of stderr if the script fails.
 */
export function runPython(script: string, args: readonly string[]): Promise<unknown> {
  return runPythonWithInput(script, "", args);
}

/** As {@link runPython}, with a text on standard input. */
export async function runPythonWithInput(
  script: string,
  input: string,
  args: readonly string[] = [],
): Promise<unknown> {
  const python = await ensurePython();
  const options = {
    env: { ...process.env, OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1" },
    maxBuffer: 1 << 26,
  };
  const stdout = await new Promise<string>((resolve, reject) => {
    const child = execFile(python, [join(here, script), ...args], options, (error, out, err) => {
      if (error === null) resolve(out);
      else {
        const said = err.slice(-4000);
        reject(new Error(`"${script} ${args.join(" ")}" failed:\n${said}`, { cause: error }));
      }
    });
    // A script that fails early does not read it.
    child.stdin!.on("error", () => {});
    child.stdin!.end(input);
  });
  return JSON.parse(stdout);
}
