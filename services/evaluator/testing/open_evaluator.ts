import { createClient, createServer, evaluatorService, type RpcClient } from "@decorum/rpc";
import { exportClassifierOnnx } from "@decorum/scoring";
import { writeClassifier } from "@decorum/testing/classifier";
import { TemporaryFolder } from "@decorum/testing/folder";
import { createLogger, createMetrics } from "@decorum/telemetry";
import { type EvaluatorConfig, sections } from "@decorum/settings";
import { startEvaluator } from "../start.ts";

export interface OpenEvaluator extends AsyncDisposable {
  readonly client: RpcClient<typeof evaluatorService>;
  /** Lines of its log. */
  readonly logs: readonly string[];
  /** Folder of the classifier that training is rewarded by. */
  readonly reward: string;
}

type Fields = Partial<Record<keyof EvaluatorConfig, unknown>>;

/** An evaluator in this process, a client of it, and its log. */
export async function openEvaluator(
  policies: readonly { readonly address: string }[],
  fields: Fields = {},
): Promise<OpenEvaluator> {
  const folder = new TemporaryFolder();
  const reward = writeClassifier(folder.join("reward"));
  const judge = writeClassifier(folder.join("judge"), { seed: 2 });
  exportClassifierOnnx(judge, folder.join("onnx"));
  const logs: string[] = [];
  const logger = createLogger({
    service: "evaluator",
    format: "json",
    write: (line) => void logs.push(line),
  });
  const metrics = createMetrics({ service: "evaluator", version: "0" });
  const config = sections.evaluator.parse({
    policy: policies.map(({ address }) => address),
    toxicity: { model: reward },
    threads: 1,
    batch: 4,
    ...(fields.judge === undefined ? { judge: { model: folder.join("onnx") } } : {}),
    ...fields,
  });
  const started = startEvaluator({ config, logger, metrics });
  const { services } = started;
  const server = await createServer({ address: "127.0.0.1:0", services, logger, metrics });
  await started.load();
  const client = createClient(evaluatorService, { address: server.address });
  return {
    client,
    logs,
    reward,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.drain({ graceMs: 1000 });
      await started.stop();
      folder[Symbol.dispose]();
    },
  };
}
