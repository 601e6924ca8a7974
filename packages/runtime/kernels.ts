import type { DType } from "@decorum/tensor";
import table from "./cuda_kernels.json" with { type: "json" };

/** An operator of a graph, with what decides whether a kernel takes it. */
export interface OperatorUse {
  readonly opType: string;
  /** Operator-set version of the default domain the graph imports. */
  readonly opset: number;
  /** Element types by position; undefined for an input or output left out. */
  readonly inputs: readonly (DType | undefined)[];
  readonly outputs: readonly (DType | undefined)[];
}

/** An operator no CUDA kernel takes, and why. */
interface MissingKernel<T extends OperatorUse = OperatorUse> {
  readonly node: T;
  readonly reason: string;
}

/** One schema version of an operator: type parameters (or fixed types) and names by position. */
interface Signature {
  readonly since: number;
  readonly inputs: readonly (readonly [name: string, type: string])[];
  readonly outputs: readonly (readonly [name: string, type: string])[];
  readonly variadicInputs?: boolean;
  readonly variadicOutputs?: boolean;
}

/** A kernel's operator versions (`to` null: open) and element types by type parameter, one letter each. */
interface KernelRow {
  readonly from: number;
  readonly to: number | null;
  readonly types: Readonly<Record<string, string>>;
}

interface OpRow {
  readonly kernels: readonly KernelRow[];
  readonly signatures: readonly Signature[];
}

const ops: Readonly<Record<string, OpRow>> = table.ops as unknown as Record<string, OpRow>;
const letters: Readonly<Record<DType, string>> = table.letters;

/** Where the table of CUDA kernels is from. */
export const cudaKernelSource: string = table.source;

/** Folded into initializers when a model is loaded, so it never runs. */
const FOLDED = new Set(["Constant"]);

/**
 * onnxruntime's own rule (`KernelRegistry::VerifyKernelDef`): an open-ended kernel serves only the schema
 * version it starts at, a bounded one every schema version in its range. So "13+" does not serve an
 * operator whose schema changed in 22, in a graph of opset 22.
 */
function servesVersion({ from, to }: KernelRow, since: number): boolean {
  return from === since || (to !== null && from < since && since <= to);
}

/** The first input or output whose type the kernel does not take. */
function refusedType(kernel: KernelRow, schema: Signature, node: OperatorUse): string | undefined {
  const check = (
    kind: "input" | "output",
    values: readonly (DType | undefined)[],
    formal: Signature["inputs"],
    variadic: boolean | undefined,
  ) => {
    for (const [i, dtype] of values.entries()) {
      const [name, type] = formal[i] ?? (variadic ? formal.at(-1) : undefined) ?? ["", ""];
      const allowed = kernel.types[type] ?? kernel.types[name];
      if (dtype !== undefined && allowed !== undefined && !allowed.includes(letters[dtype])) {
        return `${dtype} ${kind} ${i} ("${name}")`;
      }
    }
    return undefined;
  };
  return check("input", node.inputs, schema.inputs, schema.variadicInputs) ??
    check("output", node.outputs, schema.outputs, schema.variadicOutputs);
}

function reasonAgainst(node: OperatorUse): string | undefined {
  if (FOLDED.has(node.opType)) return undefined;
  const row = ops[node.opType];
  if (!row) return `no CUDA kernel is documented for ${node.opType}`;
  const schema = row.signatures.filter((s) => s.since <= node.opset)
    .reduce<Signature | undefined>((a, b) => a && a.since > b.since ? a : b, undefined);
  if (!schema) return `${node.opType} does not exist in opset ${node.opset}`;
  const serving = row.kernels.filter((k) => servesVersion(k, schema.since));
  if (serving.length === 0) {
    const has = row.kernels.map((k) => k.to === null ? `${k.from}+` : `${k.from}-${k.to}`);
    return `${node.opType} has version ${schema.since} in opset ${node.opset}, CUDA kernels serve ${
      has.join(", ")
    }`;
  }
  const refusals = serving.map((k) => refusedType(k, schema, node));
  return refusals.includes(undefined)
    ? undefined
    : `${node.opType}-${schema.since} on CUDA does not take ${refusals[0]}`;
}

/**
 * The operators no CUDA kernel takes: onnxruntime would run them on the host, with copies both ways.
 *
 * Compares operator, schema version and types with the table onnxruntime documents. Inputs a CUDA kernel
 * reads from host memory by design (shapes, axes, trip counts) need nothing here: such a kernel is in the
 * table like any other. Give the nodes of loop and branch bodies as well.
 *
 * Source: onnxruntime, `docs/OperatorKernels.md`, CUDAExecutionProvider; see {@link cudaKernelSource}.
 */
export function missingCudaKernels<T extends OperatorUse>(nodes: Iterable<T>): MissingKernel<T>[] {
  const missing: MissingKernel<T>[] = [];
  for (const node of nodes) {
    const reason = reasonAgainst(node);
    if (reason !== undefined) missing.push({ node, reason });
  }
  return missing;
}
