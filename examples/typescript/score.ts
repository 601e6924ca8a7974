/**
 * Scores lines of standard input with decorum.reward.v1.RewardService, by grpc-js alone:
 *
 *     deno run -A score.ts 127.0.0.1:50052 < texts.txt
 *     deno run -A score.ts ipv4:127.0.0.1:50052,127.0.0.1:50062 < texts.txt     # replicas in turn
 */
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [address = "127.0.0.1:50052"] = process.argv.slice(2);
const protos = fileURLToPath(new URL("../../protos", import.meta.url));
const { "decorum.reward.v1.RewardService": definition } = loadSync(
  "decorum/reward/v1/reward_service.proto",
  { includeDirs: [protos], defaults: true },
);
const RewardService = grpc.makeClientConstructor(definition as grpc.ServiceDefinition, "reward");
const client = new RewardService(address, grpc.credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify({
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [{
      name: [{ service: "decorum.reward.v1.RewardService" }],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.1s",
        maxBackoff: "2s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
      },
    }],
  }),
});
const metadata = new grpc.Metadata();
const { DECORUM_TOKEN: token } = process.env;
if (token) metadata.set("authorization", `Bearer ${token}`);

interface Answer {
  readonly results: readonly { readonly score: number }[];
}

function score(texts: readonly string[]): Promise<Answer> {
  const request = { items: texts.map((response) => ({ response })) };
  const limits = { deadline: Date.now() + 60_000 };
  return new Promise((resolve, reject) => {
    client["score"]!(request, metadata, limits, (error: Error | null, answer: Answer) => {
      if (error) reject(error);
      else resolve(answer);
    });
  });
}

async function print(texts: readonly string[]): Promise<void> {
  const { results } = await score(texts);
  texts.forEach((text, i) => console.log(JSON.stringify({ text, score: results[i]!.score })));
}

let batch: string[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  batch.push(line);
  if (batch.length < 32) continue;
  await print(batch);
  batch = [];
}
if (batch.length > 0) await print(batch);
client.close();
