import type { Algorithm } from "@decorum/algorithms";
import { encodeModel, GraphBuilder } from "@decorum/onnx";
import { createSession, type InferenceSession } from "@decorum/runtime";
import { float32, type Tensor } from "@decorum/tensor";

/** The loss of an algorithm without a model: a function of what the policy predicts and what the loss is fed. */
export class LossSession implements AsyncDisposable {
  private constructor(readonly session: InferenceSession) {}

  static async open(algorithm: Pick<Algorithm, "loss">): Promise<LossSession> {
    const graph = new GraphBuilder("loss");
    const token = (name: string) => graph.input(name, "float32", ["tokens"]);
    const [logprobs, entropy] = [token("logprobs"), token("entropy")];
    const policy = { graph, logprobs, values: undefined, entropy: () => entropy };
    const { loss, statistics } = algorithm.loss(policy);
    for (const [name, value] of Object.entries({ loss, ...statistics })) graph.output(value, name);
    return new LossSession(await createSession({ bytes: encodeModel(graph.build()) }));
  }

  /** Loss and statistics. @param logprobs `[tokens]` */
  async run(
    logprobs: ArrayLike<number>,
    feeds: Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, number>> {
    const tokens = float32([logprobs.length], Float32Array.from(logprobs));
    const outputs = await this.session.run({ ...feeds, logprobs: tokens, entropy: tokens });
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { data }]) => [name, Number(data[0])]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.release();
  }
}
