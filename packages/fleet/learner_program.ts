import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { GraphName, PerGraph } from "@decorum/learning";
import { type learnerV1, tensorSpecs } from "@decorum/rpc";
import type { EncodedGraph } from "@decorum/runtime";
import type { Tensor } from "@decorum/tensor";

/** In the order of a program's bytes. */
const graphNames = ["forward", "update", "compare"] as const;
export const wireName = {
  forward: "GRAPH_FORWARD",
  update: "GRAPH_UPDATE",
  compare: "GRAPH_COMPARE",
} as const satisfies Record<GraphName, learnerV1.Graph>;

/** What `Load` says of a program's graphs. */
export function graphHeaders(graphs: PerGraph<EncodedGraph>): learnerV1.GraphSpec[] {
  return graphNames.flatMap((graph) => {
    const { name, bytes } = graphs[graph] ?? {};
    return name === undefined ? [] : [{ graph: wireName[graph], name, bytes: bytes!.length }];
  });
}

/** The bytes of a program's graphs, in their order. */
export function graphBytes(graphs: PerGraph<{ readonly bytes: Uint8Array }>): Uint8Array[] {
  return graphNames.flatMap((name) => graphs[name]?.bytes ?? []);
}

/** SHA-256 in hexadecimal over the bytes of a program's graphs. */
export function programId(
  graphs: PerGraph<{ readonly bytes: Uint8Array }>,
): string {
  const hash = createHash("sha256");
  for (const bytes of graphBytes(graphs)) hash.update(bytes);
  return hash.digest("hex");
}

/** SHA-256 in hexadecimal over names, types, shapes and bytes. The process answers calls meanwhile. */
export async function weightsId(tensors: ReadonlyMap<string, Tensor>): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(tensorSpecs(tensors)));
  let sinceTurn = 0;
  for (const [, { data }] of tensors) {
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    sinceTurn += data.byteLength;
    if (sinceTurn < 8 * 2 ** 20) continue;
    await setImmediate();
    sinceTurn = 0;
  }
  return hash.digest("hex");
}

/** A request of a header and pieces. */
export function* withHeader<H>(
  header: H,
  chunks: Iterable<learnerV1.Chunk>,
): Iterable<{ readonly header: H } | { readonly chunk: learnerV1.Chunk }> {
  yield { header };
  for (const chunk of chunks) yield { chunk };
}
