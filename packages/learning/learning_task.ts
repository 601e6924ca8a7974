import type { LoraConfig } from "@decorum/models";
import type { Params } from "@decorum/optim";
import type { DropoutRow, LayeredModel } from "./lora_dropout.ts";
import type { Feeds, Graphs, RunOutputs } from "./runner.ts";

/** Examples that one run takes together. */
export interface MicroBatch<Prediction> {
  readonly feeds: Feeds;
  /** What the graph's scalar outputs are means over: tokens, sequences, pairs. */
  readonly count: number;
  /** What the outputs say of each example, in order. */
  read(outputs: RunOutputs): readonly Prediction[];
}

/**
 * What a session learns: a model, its two graphs, and how examples become runs.
 *
 * `Sample` is what is learned from, `Input` what a forward pass takes of it, `Prediction` what the model says of it.
 */
export interface LearningTask<Sample, Input = Sample, Prediction = unknown> extends Graphs {
  /** The trained parameters as training starts, by the name of their graph input. */
  readonly params: Params;
  /** What the frozen reference has in the place of these; undefined where it is the base without adapter. */
  readonly reference: Params | undefined;
  /** The adapter that is trained; undefined where all weights are. */
  readonly lora: LoraConfig | undefined;
  /** The linear layers, which an adapter may change. */
  readonly model: LayeredModel;
  /** Rows of the batch that an example makes, for dropout. @param index its place in the mini-batch */
  dropoutRows?(input: Input, index: number): readonly DropoutRow[];
  inputOf(sample: Sample): Input;
  /** Tokens of each part that is padded by itself; one without any tokens is in no run. */
  lengths(input: Input): readonly number[];
  /** What several inputs have in common, first of `lengths`: they share it in one run. By default nothing. */
  shared?(input: Input): string;
  /** What is predicted of an input that is in no run. */
  readonly nothing: Prediction;
  /** @param temperature that logits are divided by */
  batch(inputs: readonly Input[], temperature: number): MicroBatch<Prediction>;
  /** What the update is fed besides batch and parameters. */
  targets?(samples: readonly Sample[], context: TargetContext<Sample>): Feeds;
  /** Puts what the reference says of it into a sample that is learned from against the reference. */
  withReference?(sample: Sample, prediction: Prediction): Sample;
  /** @throws InputError naming what does not fit of sample `index` */
  check?(sample: Sample, index: number): void;
}

export interface TargetContext<Sample> {
  /** Samples of the whole mini-batch. */
  readonly all: readonly Sample[];
  /** The policy still is its reference, bit for bit. */
  readonly atReference: boolean;
}
