import {
  computeTypeOf,
  float32,
  InputError,
  int64,
  type Tensor,
  tensor,
  zeros,
} from "@decorum/tensor";
import { type PolicySpec, sharedPrompts } from "@decorum/models";
import {
  type ExecutionProvider,
  type InferenceSession,
  openGraph,
  type RunOptions,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import { buildDecodeGraph, buildEncodeGraph, cacheNames } from "./graphs.ts";
import {
  checkPrompts,
  checkSampling,
  encoderRuns,
  padSources,
  type Prompt,
  promptOf,
  type SamplingParams,
  sourceRows,
  uniformMatrix,
} from "./prompts.ts";

/** Parameters that a run is fed: adapter, `lora_scale`, value head. */
export type PolicyFeeds = Readonly<Record<string, Tensor>>;

/** Newly generated tokens of one prompt. */
export interface Piece {
  /** Index of the prompt in its batch. */
  readonly index: number;
  readonly tokenIds: readonly number[];
  readonly logprobs: readonly number[];
  /** Value of every token where the policy has a value head. */
  readonly values: readonly number[] | undefined;
  /** `eos`: ended by itself; `length`: reached its maximum; `undefined`: goes on. */
  readonly finishReason: "eos" | "length" | undefined;
}

export interface GenerateOptions {
  /** Tokens between two pieces; all at once when absent. */
  readonly chunkTokens?: number;
  readonly signal?: AbortSignal;
  /**
   * True: a prompt is encoded once however often it stands in the batch. Where all stand in it as often, each after
   * itself, their queries also attend to one set of keys and values while no row has been dropped. Default false.
   */
  readonly sharePrompts?: boolean;
}

/** Generates responses with one policy: an encoder session and a decoder-loop session in one Worker. */
export class Generator implements AsyncDisposable {
  private constructor(
    readonly spec: PolicySpec,
    readonly provider: ExecutionProvider,
    readonly worker: SessionWorker,
    readonly encode: InferenceSession,
    readonly decode: InferenceSession,
  ) {}

  /** @param runtime its precision decides what the graphs compute in, whatever `policy` says. */
  static async create(policy: PolicySpec, runtime: RuntimeOptions = {}): Promise<Generator> {
    const spec = { ...policy, computeType: computeTypeOf(runtime.precision ?? "fp32") };
    const worker = new SessionWorker();
    try {
      const encode = await openGraph(buildEncodeGraph(spec), runtime, worker);
      const decode = await openGraph(buildDecodeGraph(spec), runtime, worker);
      return new Generator(spec, runtime.executionProvider ?? "cpu", worker, encode, decode);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /**
   * Continues all prompts together, as one padded batch; yields pieces as they come.
   *
   * @throws InputError for an empty batch, an empty prompt, an id outside the vocabulary, settings that
   * make no distribution, impossible lengths, or uniforms that are too few or outside [0, 1).
   */
  async *generate(
    prompts: readonly Prompt[],
    sampling: SamplingParams,
    weights: PolicyFeeds,
    { chunkTokens = Infinity, signal, sharePrompts = false }: GenerateOptions = {},
  ): AsyncGenerator<Piece> {
    checkSampling(sampling);
    checkPrompts(prompts, this.spec.model.config.vocab_size);
    if (chunkTokens !== Infinity && !(Number.isInteger(chunkTokens) && chunkTokens >= 1)) {
      throw new InputError(
        `Cannot generate in chunks of ${chunkTokens} tokens: expected an integer of 1 or more`,
      );
    }
    const run = signal ? { signal } : {};
    const encoded = await this.#encode(prompts, weights, sharePrompts, run);
    const shared = sharePrompts ? sharedPrompts(prompts.map(({ ids }) => ids)) : undefined;
    const longest = Math.max(...prompts.map((p) => p.maxNewTokens));
    const decodeWeights = named(weights, this.decode);
    let state = this.#begin(prompts.length);
    for (let start = 0; start < longest;) {
      const steps = Math.min(chunkTokens, longest - start);
      const last = start + steps >= longest;
      const rows = state.rows.map((row) => prompts[row]!);
      const batch = rows.length;
      // Dropping a row ends the sharing, whether it happened in this chunk or before.
      const sources = shared && batch === prompts.length
        ? shared.map((_, i) => i * (batch / shared.length))
        : state.rows;
      const out = await this.decode.run(
        {
          ...decodeWeights,
          ...state.feeds,
          encoder_hidden: encoded.hidden,
          source_rows: sourceRows(sources.map((row) => encoded.rows[row]!), encoded.longest),
          prompt_of: promptOf(batch, sources.length),
          uniforms: uniformMatrix(rows, start, steps, state.rows),
          min_new_tokens: int64([batch], rows.map((p) => p.minNewTokens)),
          max_new_tokens: int64([batch], rows.map((p) => p.maxNewTokens)),
          temperature: float32([], [sampling.temperature]),
          do_sample: tensor("bool", [], Uint8Array.of(sampling.doSample ? 1 : 0)),
          top_k: int64([], [sampling.topK]),
          top_p: float32([], [sampling.topP]),
        },
        // The caches come back to the host only when another chunk needs them.
        this.decode.outputNames.filter((name) => !last || !name.startsWith("next_past_")),
        run,
      );
      yield* this.#pieces(out, state, prompts, start);
      state = nextState(state, out);
      if (state.done.every(Boolean)) return;
      start += steps;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.encode.release();
    await this.decode.release();
    this.worker.terminate();
  }

  /** The encoder's rows of all prompts, those of like length together so that little padding is computed. */
  async #encode(
    all: readonly Prompt[],
    weights: PolicyFeeds,
    sharePrompts: boolean,
    run: RunOptions,
  ) {
    const { hidden_size: width, pad_token_id: pad } = this.spec.model.config;
    const [prompts, placeOf] = sharePrompts ? distinct(all) : [all, all.map((_, i) => i)];
    const lengths = prompts.map(({ ids }) => ids.length);
    const rows: { first: number; length: number }[] = [];
    const total = lengths.reduce((a, b) => a + b, 0);
    const hidden = zeros("float32", [total, width]);
    let at = 0;
    for (const part of encoderRuns(lengths, this.provider)) {
      const sources = padSources(part.map((i) => prompts[i]!), pad);
      const feeds = { ...sources, ...named(weights, this.encode) };
      const { encoder_hidden } = await this.encode.run(feeds, undefined, run);
      const data = encoder_hidden!.data as Float32Array;
      const longest = sources.input_ids.dims[1]!;
      part.forEach((prompt, i) => {
        const length = lengths[prompt]!;
        const from = i * longest * width;
        hidden.data.set(data.subarray(from, from + length * width), at * width);
        rows[prompt] = { first: at, length };
        at += length;
      });
    }
    return { hidden, rows: placeOf.map((i) => rows[i]!), longest: Math.max(...lengths) };
  }

  #begin(batch: number): DecodeState {
    const { num_decoder_layers, num_attention_heads, head_dim, decoder_start_token_id } =
      this.spec.model.config;
    const names = Array.from({ length: num_decoder_layers }, (_, i) => cacheNames(i)).flat();
    const nothing = zeros("float32", [batch, num_attention_heads, 0, head_dim]);
    const empty = names.map((name) => [name, nothing]);
    return {
      rows: Array.from({ length: batch }, (_, i) => i),
      done: Array(batch).fill(false),
      feeds: {
        ...Object.fromEntries(empty),
        tokens: int64([batch], Array(batch).fill(decoder_start_token_id)),
        done: zeros("bool", [batch]),
      },
    };
  }

  *#pieces(
    out: Readonly<Record<string, Tensor>>,
    { rows, done }: DecodeState,
    prompts: readonly Prompt[],
    start: number,
  ): Iterable<Piece> {
    const ids = out["token_ids"] as Tensor<"int64">;
    const logprobs = out["logprobs"] as Tensor<"float32">;
    const values = out["values"] as Tensor<"float32"> | undefined;
    const [steps, batch] = ids.dims as [number, number];
    for (const [place, index] of rows.entries()) {
      if (done[place]) continue;
      const { maxNewTokens } = prompts[index]!;
      const piece = { tokenIds: [] as number[], logprobs: [] as number[], values: [] as number[] };
      let finishReason: Piece["finishReason"];
      for (let t = 0; t < steps && !finishReason; t++) {
        const at = t * batch + place;
        const id = Number(ids.data[at]);
        piece.tokenIds.push(id);
        piece.logprobs.push(logprobs.data[at]!);
        if (values) piece.values.push(values.data[at]!);
        if (id === this.spec.model.config.eos_token_id) finishReason = "eos";
        else if (start + t + 1 >= maxNewTokens) finishReason = "length";
      }
      yield { index, ...piece, values: values && piece.values, finishReason };
    }
  }
}

/** Between two chunks. */
interface DecodeState {
  /** Prompts of the rows that are left, and which of them have ended. */
  readonly rows: readonly number[];
  readonly done: readonly boolean[];
  /** Last tokens, who has ended, caches. */
  readonly feeds: Readonly<Record<string, Tensor>>;
}

function nextState({ rows }: DecodeState, out: Readonly<Record<string, Tensor>>): DecodeState {
  const caches = Object.entries(out).filter(([name]) => name.startsWith("next_past_"));
  return {
    rows: Array.from(out["next_rows"]!.data as BigInt64Array, (place) => rows[Number(place)]!),
    done: Array.from(out["next_done"]!.data as Uint8Array, Boolean),
    feeds: {
      ...Object.fromEntries(caches.map(([name, value]) => [name.slice("next_".length), value])),
      tokens: out["next_tokens"]!,
      done: out["next_done"]!,
    },
  };
}

/** Each prompt once, and which of them every one is. */
function distinct(all: readonly Prompt[]): [prompts: Prompt[], placeOf: number[]] {
  const places = new Map<string, number>();
  const prompts: Prompt[] = [];
  const placeOf = all.map((prompt) => {
    const key = prompt.ids.join();
    const place = places.get(key) ?? prompts.push(prompt) - 1;
    places.set(key, place);
    return place;
  });
  return [prompts, placeOf];
}

/** Those of the feeds that the session takes. */
function named(feeds: PolicyFeeds, session: InferenceSession): Record<string, Tensor> {
  const names = new Set(session.inputNames);
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)));
}
