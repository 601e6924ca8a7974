import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Times the same work in PyTorch fp32 (`peers/torch_t5.py`) on the same weights. */
export async function runPeer(
  python: string,
  model: string,
  options: {
    readonly batch: number;
    readonly query: number;
    readonly response: number;
    readonly threads: number;
    readonly rounds: number;
  },
  field: string,
): Promise<Record<string, unknown>> {
  const script = fileURLToPath(new URL("peers/torch_t5.py", import.meta.url));
  const only = field === "forward_s" ? ["--batch", options.batch] : ["--micro", options.batch];
  const args = [
    script,
    "--model",
    model,
    ...only,
    "--query",
    options.query,
    "--response",
    options.response,
    "--threads",
    options.threads,
    "--repeat",
    options.rounds,
  ];
  const { stdout } = await promisify(execFile)(python, args.map(String));
  const peer = JSON.parse(stdout.trim().split("\n").at(-1)!);
  return {
    torch_s: peer[field],
    torch_products_s: peer[field.replace(/_s$/, "_products_s")],
    torch: peer.torch,
  };
}
