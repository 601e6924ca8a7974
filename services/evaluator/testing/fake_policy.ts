import type { policyV1 } from "@decorum/rpc";
import { type FakePolicy, startPolicy } from "@decorum/testing/policy";

/**
 * A fake policy whose responses follow from weights and prompt. It holds START and version 1 of run "r1". The
 * log-probability of a token is -1, or -1.5 under START.
 *
 * @param say the response to a prompt under a version; 0: START
 */
export async function startTalkingPolicy(
  say = (version: number, prompt: string) => version === 0 ? `you fool ${prompt}` : `ok ${prompt}`,
  options: { readonly baseModelHash?: string } = {},
): Promise<FakePolicy> {
  const policy = await startPolicy(async function* ({ prompts, returnLogprobs }, { label }) {
    const chunks = await Promise.all(prompts.map(({ key, text }): policyV1.SequenceChunk => {
      const said = say(label.version, text ?? "");
      const tokenIds = said.split(" ").map((_, i) => i + 3);
      const numbers = (x: number) => returnLogprobs ? tokenIds.map(() => x) : [];
      return {
        key,
        tokenIds,
        text: said,
        logprobs: numbers(-1),
        refLogprobs: numbers(label.version === 0 ? -1 : -1.5),
        finishReason: "FINISH_REASON_EOS",
      };
    }));
    yield chunks.slice(1);
    yield chunks.slice(0, 1);
  }, options);
  policy.hold("r1", 0);
  policy.hold("r1", 1);
  return policy;
}
