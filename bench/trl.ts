import { spawn } from "node:child_process";

/** TRL's PPO loop beside ours. */
export interface TrlTimes {
  /** Precision and way of generating. */
  readonly way: "bf16 batched" | "fp32 batched" | "bf16 one by one";
  /** TRL's own times of generation and of `PPOTrainer.step`. */
  readonly generate_s: number;
  readonly step_s: number;
  /** Of ours before and after it. */
  readonly ours_s: number;
  /** (generate_s + step_s) / ours_s */
  readonly speedup: number;
}

/** What the script (`trl_ppo.py`) prints. */
interface Printed {
  readonly generate_batched_s: number;
  readonly generate_one_by_one_s?: number;
  readonly step_s: number;
}

export interface TrlOptions {
  readonly peer: string;
  readonly python: string;
  readonly size: string;
  readonly batch: number;
  readonly query: number;
  readonly response: number;
  readonly threads: number;
}

/**
 * Runs TRL's script in bfloat16 and in float32, our iteration before and after each.
 *
 * @param ours runs one iteration. @returns its seconds
 */
export async function trlWays(
  options: TrlOptions,
  ours: () => Promise<number>,
): Promise<TrlTimes[]> {
  const ways: TrlTimes[] = [];
  for (const dtype of ["bf16", "fp32"] as const) {
    const before = await ours();
    console.error(`TRL in ${dtype}: some minutes`);
    const printed = await runPeer(options, dtype);
    const ours_s = (before + await ours()) / 2;
    const row = (way: TrlTimes["way"], generate_s: number): TrlTimes => ({
      way,
      generate_s,
      step_s: printed.step_s,
      ours_s,
      speedup: (generate_s + printed.step_s) / ours_s,
    });
    ways.push(row(`${dtype} batched`, printed.generate_batched_s));
    if (dtype === "bf16" && printed.generate_one_by_one_s !== undefined) {
      ways.push(row("bf16 one by one", printed.generate_one_by_one_s));
    }
  }
  return ways;
}

/** @throws Error when the script fails, or prints something else than its one JSON object */
async function runPeer(options: TrlOptions, dtype: "bf16" | "fp32"): Promise<Printed> {
  const { peer, python, size, batch, query, response, threads } = options;
  const numbers = Object.entries({ batch, query, response, threads })
    .flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const once = dtype === "fp32" ? ["--skip-one-by-one"] : [];
  const args = [peer, "--size", size, "--dtype", dtype, ...numbers, ...once];
  const child = spawn(python, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const last = output.trim().split("\n").at(-1) ?? "";
  if (code === 0 && last.startsWith("{")) return JSON.parse(last) as Printed;
  throw new Error(
    `Cannot time TRL: ${python} ${args.join(" ")} ended with ${code} and printed ${
      JSON.stringify(last.slice(0, 200))
    }; expected one JSON object`,
  );
}
