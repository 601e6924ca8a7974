import { add, type GraphBuilder, greater, type Value, where } from "@decorum/onnx";
import {
  attend,
  attentionMaskBias,
  Heads,
  MASKED,
  positionsOf,
  relativePositions,
} from "./attention.ts";
import { type LayerTable, type Linear, type Start, withLayers } from "./linear.ts";
import type { Vocabulary } from "./token_batch.ts";

/** What the rest of the program knows of a model's `config.json`, under transformers' common names. */
export interface EncoderDecoderConfig extends Vocabulary {
  readonly model_type: string;
  readonly eos_token_id: number;
  /** Width of the rows between blocks. */
  readonly hidden_size: number;
  readonly num_decoder_layers: number;
  /** Heads of the decoder, and the size of one; their product need not be `hidden_size`. */
  readonly num_attention_heads: number;
  readonly head_dim: number;
}

/** How a decoder's block attends: the whole sequence at once, or one position and a cache. */
export interface DecoderAttention {
  /**
   * From rows of q (scaled where the model scales it), k and v to rows of the context, all
   * `[rows, heads * size]`.
   *
   * @param bias what the model adds to the scores, `[heads, query, key]`
   */
  selfAttention(q: Value, k: Value, v: Value, layer: number, bias: Value | undefined): Value;
  /** From rows of q to rows of the context. */
  crossAttention(q: Value, layer: number): Value;
}

/** Places of what is decoded now and of all that it may see, `[time]` int64. */
export interface DecoderPositions {
  readonly query: Value;
  readonly key: Value;
}

/** A family's ONNX nodes over the weights of one graph. Activations are rows `[batch * time, width]`. */
export interface EncoderDecoderNetwork {
  /**
   * @param inputIds `[batch, source]` int64
   * @param maskBias `[batch, 1, 1, source]` float32: see `attentionMaskBias`
   * @returns `[batch * source, hidden_size]` float32
   */
  encode(inputIds: Value, maskBias: Value): Value;
  /**
   * Keys and values of the cross-attention of some decoder layers.
   *
   * @param hidden `[rows, hidden_size]`: the encoder's result
   * @returns for each layer k and v `[rows, heads * size]`
   */
  crossKeyValues(
    hidden: Value,
    layers: readonly number[],
  ): { readonly k: Value; readonly v: Value }[];
  /**
   * The decoder's blocks.
   *
   * @param ids `[batch, time]` int64
   * @returns `[batch * time, hidden_size]` float32
   */
  decode(ids: Value, positions: DecoderPositions, attention: DecoderAttention): Value;
  /**
   * Scores of every word of the vocabulary. Linear in `hidden` but for a bias, and float32 in every compute type:
   * near a logit of 20 neighbouring float16 numbers lie 0.016 apart, bfloat16 0.125, so that rounding alone would
   * move a PPO ratio by more than a hundredth (MiniMax-M1, 2025, saw it stop the learning: rollout and trainer
   * disagreed until the head ran in float32).
   *
   * @param hidden `[rows, hidden_size]`
   * @returns `[rows, vocab_size]` float32
   */
  logits(hidden: Value): Value;
}

/** What a family's file gives for one `config.json`. */
export interface EncoderDecoderParts {
  readonly config: EncoderDecoderConfig;
  network(linear: Linear): EncoderDecoderNetwork;
  /** transformers' class, for `architectures` of a new model. */
  readonly architecture: string;
  /** Keys that a new model does not have, because another weight stands for them. */
  readonly absent: readonly string[];
  /** Keys of one weight, which a checkpoint may hold several times. */
  readonly tiedKeys: readonly string[];
  /** How a weight of a new model begins. */
  start(key: string): Start;
}

/** An encoder-decoder model: a policy. It is a description; the weights are a `Checkpoint`. */
export interface EncoderDecoder extends EncoderDecoderParts, LayerTable {}

/** The model with its table of layers. */
export function encoderDecoder(parts: EncoderDecoderParts): EncoderDecoder {
  return withLayers(parts, (graph, linear, ofPrompt) => {
    const network = parts.network(linear);
    const ids = (name: string) => graph.input(name, "int64", ["batch", "time"]);
    const hidden = ofPrompt(() => network.encode(ids("source"), attentionMaskBias(ids("mask"))));
    const target = ids("target");
    const positions = positionsOf(target, 1);
    const decoded = network.decode(target, { query: positions, key: positions }, {
      selfAttention: (q) => q,
      crossAttention(q, layer) {
        ofPrompt(() => network.crossKeyValues(hidden, [layer]));
        return q;
      },
    });
    network.logits(decoded);
  }, parts.absent);
}

/** Inputs of a model over whole sequences. */
interface SequenceInputs {
  /** `[prompts, source]` int64 */
  readonly inputIds: Value;
  /** `[prompts, source]` int64, 1 where a token counts */
  readonly attentionMask: Value;
  /**
   * `[prompts * responses, target]` int64, beginning with the decoder's start token; row t sees rows 0..t. The batch holds as many
   * responses to each prompt, one prompt's after the other's.
   */
  readonly decoderInputIds: Value;
}

/** Declares the three inputs under transformers' names. */
export function sequenceInputs(graph: GraphBuilder): SequenceInputs {
  return {
    inputIds: graph.input("input_ids", "int64", ["prompts", "source"]),
    attentionMask: graph.input("attention_mask", "int64", ["prompts", "source"]),
    decoderInputIds: graph.input("decoder_input_ids", "int64", ["prompts*responses", "target"]),
  };
}

/**
 * Encoder and decoder over whole sequences. A prompt is encoded once however many responses it has: their queries attend
 * to one set of keys and values, and gradients add up through it.
 *
 * @returns the last hidden states: `encoded` `[prompts * source, hidden_size]`, `decoded` `[batch * target, hidden_size]`
 */
export function runSequences(
  { config }: Pick<EncoderDecoder, "config">,
  network: EncoderDecoderNetwork,
  { inputIds, attentionMask, decoderInputIds }: SequenceInputs,
): { readonly encoded: Value; readonly decoded: Value } {
  const { num_attention_heads: count, head_dim: size, num_decoder_layers } = config;
  const maskBias = attentionMaskBias(attentionMask);
  const encoded = network.encode(inputIds, maskBias);
  const source = Heads.of(inputIds, count, size);
  const target = Heads.of(decoderInputIds, count, size);
  const responses = Heads.sharing(inputIds, count, size); // [prompts, heads, responses * target, size]
  const positions = positionsOf(decoderInputIds, 1);
  const causal = where(
    greater(relativePositions(positions, positions), 0),
    decoderInputIds.graph.scalar(MASKED, "float32"),
    decoderInputIds.graph.scalar(0, "float32"),
  );
  const biases = new Map<Value | undefined, Value>([[undefined, causal]]);
  const masked = (bias: Value | undefined) => {
    const known = biases.get(bias) ?? add(bias!, causal);
    biases.set(bias, known);
    return known;
  };
  const layers = Array.from({ length: num_decoder_layers }, (_, i) => i);
  const cross = network.crossKeyValues(encoded, layers).map(({ k, v }) => ({
    kT: source.splitTransposed(k),
    v: source.split(v),
  }));
  const decoded = network.decode(decoderInputIds, { query: positions, key: positions }, {
    selfAttention: (q, k, v, _, bias) =>
      target.merge(
        attend(target.split(q), target.splitTransposed(k), target.split(v), masked(bias)),
      ),
    crossAttention(q, layer) {
      const { kT, v } = cross[layer]!;
      return responses.merge(attend(responses.split(q), kT, v, maskBias));
    },
  });
  return { encoded, decoded };
}
