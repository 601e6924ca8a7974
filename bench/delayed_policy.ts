import { setTimeout as sleep } from "node:timers/promises";
import { type FakePolicy, startPolicy } from "@decorum/testing/policy";

/** What all policies of a measurement are at together. */
export interface InFlight {
  now: number;
  most: number;
}

/**
 * A policy behind the real protocol whose generation takes a fixed time and no processor: one group at a time, and
 * every response is the end token.
 */
export async function delayedPolicy(delayMs: number, inFlight: InFlight): Promise<FakePolicy> {
  const policy = await startPolicy(async function* ({ prompts }) {
    await sleep(delayMs);
    inFlight.now--;
    yield prompts.map(({ key }) => ({
      ...{ key, offset: 0, tokenIds: [1], logprobs: [-1], values: [0] },
      finishReason: "FINISH_REASON_EOS" as const,
    }));
  });
  policy.faults.generate = () => {
    inFlight.most = Math.max(inFlight.most, ++inFlight.now);
  };
  return policy;
}
