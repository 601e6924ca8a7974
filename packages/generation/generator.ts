import { encodeModel } from "@decorum/onnx";
import { computeTypeOf, float32, int64, type Tensor, tensor, zeros } from "@decorum/tensor";
import type { ModelGraph, PolicySpec } from "@decorum/models";
import {
  createSession,
  type InferenceSession,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import { buildDecodeGraph, cacheNames } from "./decode_graph.ts";
import { buildEncodeGraph } from "./encode_graph.ts";

/** How responses are drawn; names and meanings are transformers' `GenerationConfig`. */
export interface SamplingParams {
  readonly doSample: boolean;
  readonly temperature: number;
  /** 0 keeps all words. */
  readonly topK: number;
  /** 1 keeps all words. */
  readonly topP: number;
}

/** One prompt to be continued. */
export interface Prompt {
  /** The encoder's input, special tokens included. */
  readonly ids: readonly number[];
  /** eos is not drawn before this many other tokens, as transformers' `min_new_tokens`. */
  readonly minNewTokens: number;
  readonly maxNewTokens: number;
  /** The uniform number in [0, 1) of each of its draws, by position; none is asked for from `maxNewTokens` on. */
  readonly uniforms: (start: number, count: number) => Float32Array;
}

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
}

/** Generates responses with one T5: an encoder session and a decoder-loop session in one Worker. */
export class Generator implements AsyncDisposable {
  private constructor(
    readonly spec: PolicySpec,
    readonly worker: SessionWorker,
    readonly encode: InferenceSession,
    readonly decode: InferenceSession,
  ) {}

  /** @param runtime its precision decides what the graphs compute in, whatever `policy` says. */
  static async create(policy: PolicySpec, runtime: RuntimeOptions = {}): Promise<Generator> {
    const spec = { ...policy, computeType: computeTypeOf(runtime.precision ?? "fp32") };
    const worker = new SessionWorker();
    const open = ({ graph, files }: ModelGraph) =>
      createSession(
        { bytes: encodeModel(graph), externalData: Object.fromEntries(files) },
        { ...runtime, name: graph.name },
        worker,
      );
    try {
      const encode = await open(buildEncodeGraph(spec));
      return new Generator(spec, worker, encode, await open(buildDecodeGraph(spec)));
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /**
   * Continues all prompts together, as one padded batch; yields pieces as they come.
   *
   * @throws RangeError for an empty batch, an empty prompt, an id outside the vocabulary, settings that
   * make no distribution, impossible lengths, or uniforms that are too few or outside [0, 1).
   */
  async *generate(
    prompts: readonly Prompt[],
    sampling: SamplingParams,
    weights: PolicyFeeds,
    { chunkTokens = Infinity, signal }: GenerateOptions = {},
  ): AsyncGenerator<Piece> {
    checkSampling(sampling);
    checkPrompts(prompts, this.spec.config.vocab_size);
    if (chunkTokens !== Infinity && !(Number.isInteger(chunkTokens) && chunkTokens >= 1)) {
      throw new RangeError(
        `Cannot generate in chunks of ${chunkTokens} tokens: expected an integer of 1 or more`,
      );
    }
    const { config } = this.spec;
    const batch = prompts.length;
    const run = signal ? { signal } : {};
    const sources = padSources(prompts, config.pad_token_id);
    const { encoder_hidden } = await this.encode.run(
      { ...sources, ...named(weights, this.encode) },
      undefined,
      run,
    );
    const longest = Math.max(...prompts.map((p) => p.maxNewTokens));
    const decodeWeights = named(weights, this.decode);
    let state: Record<string, Tensor> = {
      ...this.#emptyCaches(batch),
      tokens: int64([batch], prompts.map(() => config.decoder_start_token_id)),
      done: zeros("bool", [batch]),
    };
    const finished = prompts.map(() => false);
    for (let start = 0; start < longest;) {
      const steps = Math.min(chunkTokens, longest - start);
      const last = start + steps >= longest;
      const out = await this.decode.run(
        {
          ...decodeWeights,
          ...state,
          encoder_hidden: encoder_hidden!,
          attention_mask: sources.attention_mask,
          uniforms: uniformMatrix(prompts, start, steps),
          min_new_tokens: int64([batch], prompts.map((p) => p.minNewTokens)),
          max_new_tokens: int64([batch], prompts.map((p) => p.maxNewTokens)),
          temperature: float32([], [sampling.temperature]),
          do_sample: tensor("bool", [], Uint8Array.of(sampling.doSample ? 1 : 0)),
          top_k: int64([], [sampling.topK]),
          top_p: float32([], [sampling.topP]),
        },
        // The caches come back to the host only when another chunk needs them.
        this.decode.outputNames.filter((name) => !last || !name.startsWith("next_past_")),
        run,
      );
      yield* this.#pieces(out, finished, prompts, start);
      if (finished.every(Boolean)) return;
      start += steps;
      state = this.#nextState(out);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.encode.release();
    await this.decode.release();
    this.worker.terminate();
  }

  #emptyCaches(batch: number): Record<string, Tensor> {
    const { num_decoder_layers, num_heads, d_kv } = this.spec.config;
    const caches: Record<string, Tensor> = {};
    for (let i = 0; i < num_decoder_layers; i++) {
      const [keys, values] = cacheNames(i);
      caches[keys] = zeros("float32", [batch, num_heads, d_kv, 0]);
      caches[values] = zeros("float32", [batch, num_heads, 0, d_kv]);
    }
    return caches;
  }

  #nextState(out: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const ids = out["token_ids"] as Tensor<"int64">;
    const batch = ids.dims[1]!;
    const state: Record<string, Tensor> = {
      tokens: tensor("int64", [batch], ids.data.slice(-batch)),
      done: out["next_done"]!,
    };
    for (const [name, value] of Object.entries(out)) {
      if (name.startsWith("next_past_")) state[name.slice("next_".length)] = value;
    }
    return state;
  }

  *#pieces(
    out: Readonly<Record<string, Tensor>>,
    finished: boolean[],
    prompts: readonly Prompt[],
    start: number,
  ): Iterable<Piece> {
    const ids = out["token_ids"] as Tensor<"int64">;
    const logprobs = out["logprobs"] as Tensor<"float32">;
    const values = out["values"] as Tensor<"float32"> | undefined;
    const [steps, batch] = ids.dims as [number, number];
    for (const [index, { maxNewTokens }] of prompts.entries()) {
      if (finished[index]) continue;
      const piece = { tokenIds: [] as number[], logprobs: [] as number[], values: [] as number[] };
      let finishReason: Piece["finishReason"];
      for (let t = 0; t < steps && !finishReason; t++) {
        const at = t * batch + index;
        const id = Number(ids.data[at]);
        piece.tokenIds.push(id);
        piece.logprobs.push(logprobs.data[at]!);
        if (values) piece.values.push(values.data[at]!);
        if (id === this.spec.config.eos_token_id) finishReason = "eos";
        else if (start + t + 1 >= maxNewTokens) finishReason = "length";
      }
      finished[index] = finishReason !== undefined;
      yield { index, ...piece, values: values && piece.values, finishReason };
    }
  }
}

/** Those of the feeds that the session takes. */
function named(feeds: PolicyFeeds, session: InferenceSession): Record<string, Tensor> {
  const names = new Set(session.inputNames);
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)));
}

function padSources(prompts: readonly Prompt[], pad: number) {
  const width = Math.max(...prompts.map((p) => p.ids.length));
  const rows = (value: (id: number) => number, fill: number) =>
    int64(
      [prompts.length, width],
      prompts.flatMap((p) => [...p.ids.map(value), ...Array(width - p.ids.length).fill(fill)]),
    );
  return { input_ids: rows((id) => id, pad), attention_mask: rows(() => 1, 0) };
}

/** `[steps, prompts]`; 0 where a prompt is past its maximum. */
function uniformMatrix(prompts: readonly Prompt[], start: number, steps: number): Tensor {
  const data = new Float32Array(steps * prompts.length);
  for (const [i, { maxNewTokens, uniforms }] of prompts.entries()) {
    const count = Math.max(0, Math.min(steps, maxNewTokens - start));
    const column = count > 0 ? uniforms(start, count) : [];
    const bad = column.findIndex((u) => !(u >= 0 && u < 1));
    if (column.length !== count || bad >= 0) {
      throw new RangeError(
        `Cannot generate: the uniforms of prompt ${i} from ${start} are ${
          bad >= 0 ? `${column[bad]} at ${bad}` : `${column.length}`
        }; expected ${count} numbers in [0, 1)`,
      );
    }
    column.forEach((u, t) => data[t * prompts.length + i] = u);
  }
  return tensor("float32", [steps, prompts.length], data);
}

function checkSampling({ temperature, topK, topP }: SamplingParams): void {
  const range = (name: string, value: number, ok: boolean, expected: string) => {
    if (!ok) throw new RangeError(`Cannot generate with ${name} ${value}: expected ${expected}`);
  };
  range("temperature", temperature, temperature > 0 && temperature < Infinity, "more than 0");
  range("top_k", topK, Number.isInteger(topK) && topK >= 0, "an integer of 0 (all words) or more");
  range("top_p", topP, topP > 0 && topP <= 1, "more than 0 and at most 1 (all words)");
}

function checkPrompts(prompts: readonly Prompt[], vocabSize: number): void {
  if (prompts.length === 0) {
    throw new RangeError("Cannot generate for 0 prompts: expected 1 or more");
  }
  for (const [i, { ids, minNewTokens, maxNewTokens }] of prompts.entries()) {
    if (ids.length === 0) throw new RangeError(`Cannot generate: prompt ${i} has no tokens`);
    const bad = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (bad !== undefined) {
      throw new RangeError(
        `Cannot generate: prompt ${i} has token id ${bad}; expected 0 to ${vocabSize - 1}`,
      );
    }
    if (
      !Number.isSafeInteger(maxNewTokens) || !Number.isSafeInteger(minNewTokens) ||
      maxNewTokens < 1 || minNewTokens < 0 || minNewTokens > maxNewTokens
    ) {
      throw new RangeError(
        `Cannot generate: prompt ${i} asks for ${minNewTokens} to ${maxNewTokens} new tokens; expected integers, a minimum of 0 or more and a maximum of 1 or more, not below the minimum`,
      );
    }
  }
}
