import { createClient, teiPredictService } from "@decorum/rpc";
import { InputError } from "@decorum/tensor";
import { evaluateExpression, parseExpression } from "./expression.ts";
import { grpcOptions, type Remote, type RemoteCalls } from "./remote_calls.ts";

/** A classifier behind text-embeddings-inference. */
export interface TeiReward extends RemoteCalls {
  readonly kind: "tei";
  /** Of the labels that it answers with. */
  readonly expression: string;
  /** True: raw logits; false: probabilities. */
  readonly raw_scores: boolean;
  readonly input: "response" | "pair";
}

/** A client of `Predict` and `PredictPair`; the server batches by itself. */
export function teiRemote(reward: TeiReward): Remote {
  const expression = parseExpression(reward.expression);
  const client = createClient(teiPredictService, grpcOptions(reward));
  return {
    async call({ prompts, responses }, signal) {
      const options = { signal, deadlineMs: reward.time_limit_s * 1000 };
      const common = { truncate: true, rawScores: reward.raw_scores };
      const answers = await Promise.all(
        responses.map((response, i) =>
          reward.input === "pair"
            ? client.predictPair({ inputs: [prompts[i]!, response], ...common }, options)
            : client.predict({ inputs: response, ...common }, options)
        ),
      );
      return answers.map(({ predictions }) => {
        if (predictions.length === 0) throw new InputError("it answered without predictions");
        const values = new Map(predictions.map(({ label, score }) => [label, score]));
        return evaluateExpression(expression, values);
      });
    },
    [Symbol.dispose]: () => client.close(),
  };
}
