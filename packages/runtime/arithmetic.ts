import process from "node:process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { dirname, join } from "node:path";
import { encodeModel, exp, GraphBuilder, matmul, softmax } from "@decorum/onnx";
import { float32, randomKey, uniforms } from "@decorum/tensor";
import type { RuntimeOptions } from "./options.ts";
import { createSession } from "./session.ts";

/**
 * What the bytes of a result depend on besides graph and inputs. Two processes with the same arithmetic give the same
 * bytes (fp32 on CPUs); of others nobody can say.
 */
export interface Arithmetic {
  /** Version of onnxruntime. */
  readonly onnxruntime: string;
  /** Architecture and model of the processor, and a hash of what a small graph gives on it. */
  readonly cpu: string;
  /** Threads inside one operator; onnxruntime's own choice depends on the cores. */
  readonly threads: string;
  readonly provider: string;
  readonly precision: string;
}

/** The arithmetic of sessions of this process. */
export async function arithmeticOf(runtime: RuntimeOptions): Promise<Arithmetic> {
  const { intraOpThreads = 0, executionProvider = "cpu", precision = "fp32" } = runtime;
  return {
    onnxruntime: onnxruntimeVersion(),
    cpu: `${process.arch} ${cpus()[0]?.model.trim() ?? "unknown"} ${await probe(runtime)}`,
    threads: intraOpThreads > 0 ? `${intraOpThreads}` : `0 of ${availableParallelism()} cores`,
    provider: executionProvider,
    precision,
  };
}

/** Where they differ, as "threads: 2, expected 1"; empty where they are the same. */
export function arithmeticDifferences(found: Arithmetic, expected: Arithmetic): string[] {
  return (["onnxruntime", "cpu", "threads", "provider", "precision"] as const).flatMap((field) =>
    found[field] === expected[field]
      ? []
      : [`${field} ${found[field] || "(none)"}, expected ${expected[field]}`]
  );
}

function onnxruntimeVersion(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const { version } = JSON.parse(readFileSync(join(dirname(entry), "..", "package.json"), "utf8"));
  return String(version);
}

/**
 * A hash of what a small graph gives here. Names of processors hide which instruction sets a machine has; sums in another
 * order do not.
 */
async function probe(runtime: RuntimeOptions): Promise<string> {
  const graph = new GraphBuilder("arithmetic");
  const [rows, inner, columns] = [33, 301, 67];
  const a = graph.input("a", "float32", [rows, inner]);
  const b = graph.input("b", "float32", [inner, columns]);
  const product = matmul(a, b);
  graph.output(product, "product");
  graph.output(softmax(product, -1), "softmax");
  graph.output(exp(a), "exp");
  await using session = await createSession({ bytes: encodeModel(graph.build()) }, {
    ...runtime,
    precision: "fp32",
    // Their number is compared by itself.
    intraOpThreads: 1,
    name: "arithmetic",
  });
  const draw = (name: string, dims: readonly [number, number]) =>
    float32(dims, uniforms(randomKey(0, "arithmetic", name), 0, dims[0] * dims[1]));
  const outputs = await session.run({
    a: draw("a", [rows, inner]),
    b: draw("b", [inner, columns]),
  });
  const hash = createHash("sha256");
  for (const name of ["product", "softmax", "exp"]) {
    const { buffer, byteOffset, byteLength } = outputs[name]!.data;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex").slice(0, 12);
}
