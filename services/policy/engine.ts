import { encodeModel } from "@decorum/onnx";
import {
  buildForwardGraph,
  type EncoderDecoder,
  type LoraConfig,
  type ModelGraph,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  tokenBatch,
} from "@decorum/models";
import {
  type GenerateOptions,
  Generator,
  type Piece,
  type Prompt,
  type SamplingParams,
} from "@decorum/generation";
import {
  createSession,
  type InferenceSession,
  type RunOptions,
  type RuntimeOptions,
} from "@decorum/runtime";
import { computeTypeOf, float32, type Tensor } from "@decorum/tensor";
import type { HeldWeights } from "./weights.ts";

/** Positions (rows times longest) of the sequences that are scored in one run; it bounds the logits in memory. */
const SCORED_POSITIONS = 512;

/** What an engine is made of. */
export interface EngineOptions {
  /** A Hugging Face folder. */
  readonly model: string;
  readonly description: EncoderDecoder;
  readonly lora: LoraConfig;
  readonly runtime: RuntimeOptions;
}

/** The model's three sessions in one worker: encoder, decoder loop, and the forward pass of whole sequences. */
export class Engine implements AsyncDisposable {
  private constructor(
    readonly options: EngineOptions,
    readonly generator: Generator,
    readonly forward: InferenceSession,
  ) {}

  static async create(options: EngineOptions): Promise<Engine> {
    const { description, lora, runtime } = options;
    using index = openCheckpoint(options.model);
    const spec: PolicySpec = {
      model: description,
      index,
      lora,
      computeType: computeTypeOf(runtime.precision ?? "fp32"),
    };
    const generator = await Generator.create({ ...spec, valueHead: true }, runtime);
    try {
      const { graph, files }: ModelGraph = buildForwardGraph(spec);
      const forward = await createSession(
        { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
        {
          ...runtime,
          name: graph.name,
          // Runs of many rows: as fast on the weights where they lie, without a second copy.
          sessionConfig: { "session.disable_prepacking": "1", ...runtime.sessionConfig },
        },
        generator.worker,
      );
      return new Engine(options, generator, forward);
    } catch (error) {
      await generator[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** False once the worker's thread has ended: the engine must be made again. */
  get alive(): boolean {
    return this.generator.worker.alive;
  }

  /** Continues all prompts as one padded batch. */
  generate(
    prompts: readonly Prompt[],
    sampling: SamplingParams,
    weights: HeldWeights,
    options: GenerateOptions,
  ): AsyncGenerator<Piece> {
    return this.generator.generate(prompts, sampling, weights.feeds, options);
  }

  /**
   * Log-probabilities of every response token, by sequence. How sequences are cut into runs depends on them
   * alone.
   */
  async logprobs(
    sequences: readonly Sequence[],
    temperature: number,
    weights: HeldWeights,
    options: RunOptions = {},
  ): Promise<Float32Array[]> {
    const scored: Float32Array[] = [];
    for (const part of parts(sequences)) {
      const batch = tokenBatch(part, this.options.description.config);
      const given: Record<string, Tensor> = {
        ...weights.feeds,
        ...batch.feeds,
        temperature: float32([], [temperature]),
      };
      const feeds = Object.fromEntries(
        this.forward.inputNames.map((name) => [name, given[name]!] as const),
      );
      const { logprobs } = await this.forward.run(feeds, ["logprobs"], options);
      const values = logprobs!.data as Float32Array;
      let at = 0;
      for (const length of batch.lengths) scored.push(values.slice(at, at += length));
    }
    return scored;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.forward.release();
    await this.generator[Symbol.asyncDispose]();
  }
}

/** Neighbours together, as long as their responses' padded positions fit. */
function* parts(sequences: readonly Sequence[]): Iterable<readonly Sequence[]> {
  let part: Sequence[] = [];
  let longest = 0;
  for (const sequence of sequences) {
    const length = Math.max(longest, sequence.response.length);
    if (part.length > 0 && (part.length + 1) * length > SCORED_POSITIONS) {
      yield part;
      part = [];
      longest = 0;
    }
    part.push(sequence);
    longest = Math.max(longest, sequence.response.length);
  }
  if (part.length > 0) yield part;
}
