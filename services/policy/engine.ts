import {
  buildForwardGraph,
  type EncoderDecoder,
  type LoraConfig,
  openCheckpoint,
  type PolicySpec,
  type Sequence,
  sharedPrompts,
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
  type InferenceSession,
  openGraph,
  type RunOptions,
  type RuntimeOptions,
  type SessionWorker,
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

/** The model's three sessions in one worker. */
interface Sessions {
  /** Encoder and decoder loop. */
  readonly generator: Generator;
  /** The forward pass of whole sequences. */
  readonly forward: InferenceSession;
}

/** The loaded model: it continues prompts, and scores whole sequences. */
export class Engine implements AsyncDisposable {
  #sessions: Sessions;

  private constructor(readonly options: EngineOptions, sessions: Sessions) {
    this.#sessions = sessions;
  }

  static async create(options: EngineOptions): Promise<Engine> {
    return new Engine(options, await openSessions(options));
  }

  /** The thread in which it runs. */
  get worker(): SessionWorker {
    return this.#sessions.generator.worker;
  }

  /** False once the thread has ended. */
  get alive(): boolean {
    return this.worker.alive;
  }

  /** Loads the model into a new thread. */
  async reload(): Promise<void> {
    this.#sessions = await openSessions(this.options);
  }

  /** Continues all prompts as one padded batch. */
  generate(
    prompts: readonly Prompt[],
    sampling: SamplingParams,
    weights: HeldWeights,
    options: GenerateOptions,
  ): AsyncGenerator<Piece> {
    return this.#sessions.generator.generate(prompts, sampling, weights.feeds, options);
  }

  /**
   * Log-probabilities of every response token, by sequence. How sequences are cut into runs depends on them
   * alone.
   *
   * @param options.sharePrompts encodes a prompt once for neighbours that have it
   */
  async logprobs(
    sequences: readonly Sequence[],
    temperature: number,
    weights: HeldWeights,
    { sharePrompts = false, ...options }: RunOptions & { readonly sharePrompts?: boolean } = {},
  ): Promise<Float32Array[]> {
    const { forward } = this.#sessions;
    const scored: Float32Array[] = [];
    for (const part of parts(sequences, sharePrompts)) {
      const batch = tokenBatch(part, this.options.description.config, { sharePrompts });
      const given: Record<string, Tensor> = {
        ...weights.feeds,
        ...batch.feeds,
        temperature: float32([], [temperature]),
      };
      const feeds = Object.fromEntries(
        forward.inputNames.map((name) => [name, given[name]!] as const),
      );
      const { logprobs } = await forward.run(feeds, ["logprobs"], options);
      const values = logprobs!.data as Float32Array;
      let at = 0;
      for (const length of batch.lengths) scored.push(values.slice(at, at += length));
    }
    return scored;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { generator, forward } = this.#sessions;
    await forward.release();
    await generator[Symbol.asyncDispose]();
  }
}

async function openSessions(
  { model, description, lora, runtime }: EngineOptions,
): Promise<Sessions> {
  using index = openCheckpoint(model);
  const spec: PolicySpec = {
    model: description,
    index,
    lora,
    computeType: computeTypeOf(runtime.precision ?? "fp32"),
  };
  const generator = await Generator.create({ ...spec, valueHead: true }, runtime);
  try {
    const forward = await openGraph(
      buildForwardGraph(spec),
      // Runs of many rows: as fast on the weights where they lie, without a second copy.
      { ...runtime, prepack: false },
      generator.worker,
    );
    return { generator, forward };
  } catch (error) {
    await generator[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Neighbours together, as long as their responses' padded positions fit. With shared prompts: neighbours of one prompt
 * before all, and beside them those of other prompts that are as many.
 */
function* parts(
  sequences: readonly Sequence[],
  sharePrompts: boolean,
): Iterable<readonly Sequence[]> {
  let part: Sequence[] = [];
  let longest = 0;
  let count = 0;
  for (const unit of units(sequences, sharePrompts)) {
    const length = Math.max(longest, longestResponse(unit));
    const fits = (part.length + unit.length) * length <= SCORED_POSITIONS && unit.length === count;
    if (part.length > 0 && !fits) {
      yield part;
      part = [];
      longest = 0;
    }
    part.push(...unit);
    longest = Math.max(longest, longestResponse(unit));
    count = unit.length;
  }
  if (part.length > 0) yield part;
}

/** What is not to be taken apart: single sequences, or as many neighbours with one prompt as fit. */
function* units(
  sequences: readonly Sequence[],
  sharePrompts: boolean,
): Iterable<readonly Sequence[]> {
  let unit: Sequence[] = [];
  for (const sequence of sequences) {
    const grown = [...unit, sequence];
    const together = sharePrompts && unit.length > 0 &&
      sharedPrompts(grown.map(({ query }) => query))?.length === 1 &&
      grown.length * longestResponse(grown) <= SCORED_POSITIONS;
    if (unit.length > 0 && !together) yield unit;
    unit = together ? grown : [sequence];
  }
  if (unit.length > 0) yield unit;
}

function longestResponse(sequences: readonly Sequence[]): number {
  return Math.max(...sequences.map(({ response }) => response.length));
}
