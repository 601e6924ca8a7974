import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapterShapes, initPolicyModel, openPolicyModel, valueHeadShapes } from "@decorum/models";
import { createClient, policyService } from "@decorum/rpc";
import { packWeights, pushWeights } from "@decorum/fleet";
import { float32 } from "@decorum/tensor";
import { spawnPolicy } from "../services/policy/testing/fixture.ts";
import { median } from "./stats.ts";

/** FLAN-T5-base's adapter: r 32 on every q and v. */
const targetModules = ["q", "v"];

export interface PushBenchOptions {
  readonly rounds: number;
  /** A T5 folder; by default a small model whose adapter has as many tensors and bytes as FLAN-T5-base's. */
  readonly model?: string;
}

export interface PushBenchResult {
  readonly megabytes: number;
  readonly tensors: number;
  /** Hashing the tensors for the manifest. */
  readonly pack_ms: number;
  /** Begin, upload and commit, as the caller sees them. */
  readonly median_ms: number;
  readonly worst_ms: number;
}

/** Pushes an adapter to an idle policy in a process of its own. */
export async function benchPush({ rounds, model }: PushBenchOptions): Promise<PushBenchResult> {
  const folder = mkdtempSync(join(tmpdir(), "decorum-push-"));
  try {
    const small = join(folder, "model");
    if (model === undefined) {
      // 12 layers as the base, an eighth of its width with eight times its rank.
      initPolicyModel(small, {
        ...{ model_type: "t5", vocab_size: 64, d_model: 96, d_kv: 16, num_heads: 6, d_ff: 32 },
        ...{ num_layers: 12, feed_forward_proj: "gated-gelu", tie_word_embeddings: false },
      }, { seed: 1 });
    }
    const rank = model === undefined ? 256 : 32;
    return await pushTo(model ?? small, rank, rounds);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function pushTo(model: string, r: number, rounds: number): Promise<PushBenchResult> {
  const lora = { r, loraAlpha: 32, loraDropout: 0, targetModules };
  await using policy = spawnPolicy(
    "policy.listen=127.0.0.1:0",
    `model.name_or_path=${model}`,
    `model.lora.r=${r}`,
    "telemetry.log_level=warn",
  );
  using client = createClient(policyService, { address: await policy.ready });
  const { baseModelHash } = await client.getModelInfo({});
  const { config, layers } = openPolicyModel(model);
  const shapes = [
    ...adapterShapes(lora, layers),
    ...valueHeadShapes(config.hidden_size),
  ];
  const weights = new Map(shapes.map(([name, dims]) => {
    const count = dims.reduce((n: number, d: number) => n * d, 1);
    return [name, float32(dims, Array.from({ length: count }, (_, i) => Math.sin(i)))];
  }));
  const began = performance.now();
  const packed = packWeights(weights, lora);
  const packMs = performance.now() - began;
  const times: number[] = [];
  for (let expectedVersion = 0; expectedVersion < rounds; expectedVersion++) {
    const start = performance.now();
    await pushWeights(client, packed, { runId: "bench", baseModelHash, expectedVersion });
    times.push(performance.now() - start);
  }
  return {
    megabytes: packed.bytes.length / 2 ** 20,
    tensors: packed.manifest.tensors?.length ?? 0,
    pack_ms: packMs,
    median_ms: median(times),
    worst_ms: Math.max(...times),
  };
}
