import { createClient, teiPredictService } from "@decorum/rpc";
import { InputError } from "@decorum/tensor";
import { evaluateExpression, parseExpression } from "./expression.ts";
import { grpcOptions, type Remote, type RemoteCalls } from "./remote_calls.ts";
import { jsonPoster } from "./remote_http.ts";

/** A classifier behind text-embeddings-inference, over gRPC or, where the address is a URL, over HTTP. */
export interface TeiReward extends RemoteCalls {
  readonly kind: "tei";
  /** Of the labels that it answers with. */
  readonly expression: string;
  /** True: raw logits; false: probabilities. */
  readonly raw_scores: boolean;
  readonly input: "response" | "pair";
}

/** A response, or a prompt and a response. */
type Input = readonly [string] | readonly [string, string];

/** What it says of one input; unchecked where it came over HTTP. */
type Predictions = readonly { readonly label: string; readonly score: number }[];

interface TeiClient extends Disposable {
  /** Predictions of each input, in order. */
  predict(inputs: readonly Input[], signal: AbortSignal): Promise<readonly Predictions[]>;
}

/** A client of its predictions; the server batches by itself. */
export function teiRemote(reward: TeiReward): Remote {
  const expression = parseExpression(reward.expression);
  const client = reward.address.includes("://") ? overHttp(reward) : overGrpc(reward);
  return {
    async call({ prompts, responses }, signal) {
      const inputs = responses.map((response, i): Input => {
        if (reward.input === "pair") return [prompts[i]!, response];
        // It refuses an empty text, and has no other way to score nothing.
        return [response === "" ? " " : response];
      });
      const answers = await client.predict(inputs, signal);
      return answers.map((predictions) => {
        if (predictions.length === 0) throw new InputError("it answered without predictions");
        const values = new Map(predictions.map(({ label, score }) => [label, score]));
        return evaluateExpression(expression, values);
      });
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

function overGrpc(reward: TeiReward): TeiClient {
  const client = createClient(teiPredictService, grpcOptions(reward));
  return {
    predict(inputs, signal) {
      const options = { signal, deadlineMs: reward.time_limit_s * 1000 };
      const common = { truncate: true, rawScores: reward.raw_scores };
      return Promise.all(inputs.map(async ([text, pair]) => {
        const { predictions } = pair === undefined
          ? await client.predict({ inputs: text, ...common }, options)
          : await client.predictPair({ inputs: [text, pair], ...common }, options);
        return predictions;
      }));
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** `POST /predict`, below the path of the URL where it has one. */
function overHttp(reward: TeiReward): TeiClient {
  const post = jsonPoster(reward.address.replace(/\/*$/, "/predict"), reward);
  return {
    async predict(inputs, signal) {
      const body = { inputs, truncate: true, raw_scores: reward.raw_scores };
      const answer = await post(body, signal);
      if (isPredictions(answer)) return answer;
      const found = JSON.stringify(answer).slice(0, 100);
      throw new InputError(`it answered ${found}, expected [[{"score", "label"}, ...], ...]`);
    },
    [Symbol.dispose]() {},
  };
}

function isPredictions(answer: unknown): answer is Predictions[] {
  return Array.isArray(answer) &&
    answer.every((predictions) =>
      Array.isArray(predictions) && predictions.every((one) => {
        const { label, score } = (one ?? {}) as {
          readonly label?: unknown;
          readonly score?: unknown;
        };
        return typeof label === "string" && typeof score === "number";
      })
    );
}
