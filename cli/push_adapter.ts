import { baseModelHash, initValueHead, openPolicyModel, readPeftAdapter } from "@decorum/models";
import { createClient, policyService } from "@decorum/rpc";
import { packWeights, pushWeights } from "@decorum/fleet";

/** A run's weights on disk. */
export interface AdapterOfRun {
  readonly runId: string;
  /** Version that they get. */
  readonly version: number;
  /** Folder with the adapter in PEFT's format, its value head, where it has one, beside it. */
  readonly adapter: string;
  /** Folder of the base model. */
  readonly model: string;
}

/**
 * Brings a run's weights to a policy that began anew, whatever it holds of the run.
 *
 * @throws RpcError as the policy says; Error when the folder has no adapter of that model
 */
export async function pushAdapter(
  address: string,
  { runId, version, adapter, model }: AdapterOfRun,
): Promise<void> {
  using policy = createClient(policyService, { address });
  const { config: base, layers } = openPolicyModel(model);
  const { parameters, config, valueHead = initValueHead(base.hidden_size) } = readPeftAdapter(
    adapter,
    layers,
  );
  const weights = packWeights(new Map([...parameters, ...valueHead]), config);
  await pushWeights(policy, weights, {
    runId,
    baseModelHash: await baseModelHash(model),
    expectedVersion: version - 1,
    restart: true,
  });
}
