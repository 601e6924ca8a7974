import { join } from "node:path";
import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import type { RuntimeOptions } from "@decorum/runtime";
import { computeTypeOf, type Precision } from "@decorum/tensor";
import { type T5Size, t5Sizes } from "../bench/random_t5.ts";
import { deviceName, whyNoCuda } from "./gpu/device.ts";
import { type Check, parityChecks } from "./gpu/parity.ts";
import { measureRates } from "./gpu/rates.ts";
import { type Timing, timings } from "./gpu/timing.ts";

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected 0 or more");
  return value;
}

function size(text: string): T5Size {
  if (Object.hasOwn(t5Sizes, text)) return text as T5Size;
  throw new InvalidArgumentError(`expected ${Object.keys(t5Sizes).join(", ")}`);
}

const options = new Command("gpu:check")
  .description('Parity and timing on a GPU; says "not run" without one. See docs/gpu.md.')
  .option("--device <n>", "CUDA device index", whole, 0)
  .option("--size <size>", "shape of the timed model", size, "base")
  .option("--batch <n>", "sequences", whole, 16)
  .option("--query <n>", "encoder tokens of each", whole, 256)
  .option("--response <n>", "decoder tokens of each", whole, 64)
  .option("--rounds <n>", "timed rounds; 0 checks parity only", whole, 5)
  .option("--cache <folder>", "where the random model lies", join(".cache", "bench"))
  .option("--json", "print one JSON object")
  .parse(process.argv)
  .opts<{
    device: number;
    size: T5Size;
    batch: number;
    query: number;
    response: number;
    rounds: number;
    cache: string;
    json?: true;
  }>();

const precisions: readonly Precision[] = ["fp32", "fp16", "bf16"];

async function main(): Promise<number> {
  const reason = whyNoCuda(options.device);
  if (reason !== undefined) {
    console.log(options.json ? JSON.stringify({ run: false, reason }) : `not run: ${reason}`);
    return 0;
  }
  const device = deviceName(options.device);
  if (!options.json) console.log(`device: ${device}`);
  const cuda = { executionProvider: "cuda", deviceId: options.device } as const;
  const checks: Check[] = [];
  for (const precision of precisions) {
    checks.push(...await parityChecks({ ...cuda, precision }));
  }
  if (!options.json) checks.forEach(printCheck);
  const measured = options.rounds > 0 ? await measure(cuda) : undefined;
  const ok = checks.every((check) => check.ok);
  if (options.json) console.log(JSON.stringify({ run: true, device, ok, checks, ...measured }));
  return ok ? 0 : 1;
}

async function measure(cuda: RuntimeOptions) {
  const rates = await measureRates(cuda, precisions.map(computeTypeOf));
  if (!options.json) {
    for (const [type, rate] of Object.entries(rates.products)) {
      console.log(`products in ${type}: ${(rate / 1e12).toFixed(1)} Tflop/s`);
    }
    console.log(`bandwidth: ${(rates.bandwidth / 1e9).toFixed(0)} GB/s`);
  }
  const rows: Timing[] = [];
  for (const precision of precisions) {
    rows.push(...await timings(options, { ...cuda, precision }, rates));
  }
  if (!options.json) rows.forEach(printTiming);
  return { rates, timings: rows };
}

function printCheck({ name, precision, error, limit, ok, problem }: Check): void {
  const line = `${ok ? "PASS" : "FAIL"} ${precision} ${name}: ${
    error.toExponential(1)
  } of ${limit}`;
  console.log(problem ? `${line}: ${problem}` : line);
}

function printTiming(t: Timing): void {
  const calls = Object.entries(t.calls ?? {}).map(([provider, n]) => `${provider} ${n}`).join(", ");
  console.log(
    `${t.bench.padEnd(10)} ${t.precision}: ${t.seconds.toFixed(4)} s, floor ${
      t.floor_s.toFixed(4)
    } s (${(100 * t.share_of_floor_speed).toFixed(0)} %)${calls ? `; kernel calls: ${calls}` : ""}`,
  );
}

process.exit(await main());
