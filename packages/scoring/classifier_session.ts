import {
  buildClassifierGraph,
  checkTexts,
  type Classifier,
  classifierBatch,
  type ClassifierText,
  maxPositions,
  openCheckpoint,
} from "@decorum/models";
import {
  type InferenceSession,
  openGraph,
  type RunOptions,
  type RuntimeOptions,
  SessionWorker,
} from "@decorum/runtime";
import { computeTypeOf, InputError } from "@decorum/tensor";
import { attentionLengths, packBatch } from "./packed_batch.ts";
import { buildPackedClassifier, type ScoringPrecision } from "./packed_classifier.ts";

/** How a classifier runs; its precision may be int8 too, on the CPU. */
export type ScoringRuntime = Omit<RuntimeOptions, "precision"> & {
  /** Default fp32. */
  readonly precision?: ScoringPrecision;
};

/** Tokens after which a run ends where the next text would not fit: activations of more leave the caches. */
const RUN_TOKENS = 1024;

/**
 * A classifier's model in a thread of its own: token ids in, logits out. On the CPU texts run packed, and their
 * logits are the same bits whatever they are batched with; on CUDA they run as one padded batch.
 */
export class ClassifierSession implements AsyncDisposable {
  readonly #lengths: readonly number[];

  private constructor(
    readonly model: Classifier,
    readonly session: InferenceSession,
    readonly worker: SessionWorker,
    readonly packed: boolean,
  ) {
    this.#lengths = attentionLengths(maxPositions(model));
  }

  /**
   * @param folder a Hugging Face folder
   * @throws InputError for int8 on CUDA; as `openCheckpoint` and `openGraph`
   */
  static async open(
    folder: string,
    model: Classifier,
    { precision = "fp32", ...runtime }: ScoringRuntime = {},
  ): Promise<ClassifierSession> {
    checkPrecision(folder, { precision, ...runtime });
    const packed = (runtime.executionProvider ?? "cpu") === "cpu";
    using index = openCheckpoint(folder);
    const float = precision === "int8" ? "fp32" : precision;
    const graph = packed
      ? buildPackedClassifier({
        model,
        index,
        precision,
        lengths: attentionLengths(maxPositions(model)),
      })
      : buildClassifierGraph({ model, index, computeType: computeTypeOf(float) });
    const worker = new SessionWorker();
    try {
      const session = await openGraph(
        graph,
        // Shapes hardly ever come again, so a plan of buffers for each would be memory for nothing.
        { enableMemPattern: false, ...runtime, precision: float },
        worker,
      );
      return new ClassifierSession(model, session, worker, packed);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** False once the thread has ended. */
  get alive(): boolean {
    return this.worker.alive;
  }

  /**
   * @returns `[labels]` float32 of each
   * @throws InputError as `checkTexts`; WorkerDiedError when the thread ends; the signal's reason
   */
  async logits(
    texts: readonly ClassifierText[],
    options: Pick<RunOptions, "signal"> = {},
  ): Promise<Float32Array[]> {
    checkTexts(texts, this.model);
    if (!this.packed) return await this.#run(classifierBatch(texts, this.model).feeds, options);
    const logits: Float32Array[] = [];
    for (const run of runsOf(texts)) {
      const { feeds, order } = packBatch(run, this.model, this.#lengths);
      const rows = await this.#run(feeds, options);
      const base = logits.length;
      for (const [i, text] of order.entries()) logits[base + text] = rows[i]!;
    }
    return logits;
  }

  async #run(
    feeds: Parameters<InferenceSession["run"]>[0],
    options: Pick<RunOptions, "signal">,
  ): Promise<Float32Array[]> {
    const { logits } = await this.session.run(feeds, ["logits"], { ...options, transfer: true });
    const all = logits!.data as Float32Array;
    const width = this.model.config.labels.length;
    return Array.from(
      { length: all.length / width },
      (_, i) => all.slice(i * width, (i + 1) * width),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.release();
    this.worker.terminate();
  }
}

/** Stops before int8 where it does not run. @throws InputError */
export function checkPrecision(
  folder: string,
  { precision, executionProvider = "cpu" }: ScoringRuntime,
): void {
  if (precision !== "int8" || executionProvider === "cpu") return;
  throw new InputError(
    `Cannot load the classifier ${folder} in int8 on execution provider "${executionProvider}", ` +
      "which has no products of 8-bit rows: int8 runs on the CPU; expected fp32, fp16 or bf16 there",
  );
}

/** Texts in runs of about as many tokens. */
function runsOf(texts: readonly ClassifierText[]): ClassifierText[][] {
  const runs: ClassifierText[][] = [];
  let tokens = Infinity;
  for (const text of texts) {
    tokens += text.ids.length;
    if (tokens > RUN_TOKENS) {
      runs.push([]);
      tokens = text.ids.length;
    }
    runs.at(-1)!.push(text);
  }
  return runs;
}
