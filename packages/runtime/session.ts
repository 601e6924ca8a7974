import type { ModelGraph } from "@decorum/models";
import { encodeModel } from "@decorum/onnx";
import { InputError, type Tensor } from "@decorum/tensor";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { prepareModel } from "./external_data.ts";
import { checkFeeds, checkFetches, takeFeeds } from "./feeds.ts";
import type { Results, ValueInfo } from "./messages.ts";
import { type ModelSource, nativeOptions, type RuntimeOptions } from "./options.ts";
import { requirePrecision, requireProvider, setTf32 } from "./provider.ts";
import { SessionWorker } from "./session_worker.ts";

/** Options of one run. */
export interface RunOptions {
  /** Aborting drops a run that waits; a run that has begun continues unseen and its result is dropped. */
  readonly signal?: AbortSignal;
  /** Take the feeds' storage instead of copying it: the caller's arrays are empty afterwards. */
  readonly transfer?: boolean;
}

/** A loaded model. Runs of one session are queued, first come, first served, in its worker's thread. */
export class InferenceSession {
  readonly name: string;
  readonly options: RuntimeOptions;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #worker: SessionWorker;
  readonly #id: number;
  readonly #ownsWorker: boolean;
  #released = false;

  /** Use {@link createSession}. */
  constructor(
    worker: SessionWorker,
    id: number,
    ownsWorker: boolean,
    options: RuntimeOptions,
    values: Results["create"],
  ) {
    this.#worker = worker;
    this.#id = id;
    this.#ownsWorker = ownsWorker;
    this.options = options;
    this.name = nameOf(options);
    this.inputs = values.inputs;
    this.outputs = values.outputs;
  }

  get inputNames(): string[] {
    return this.inputs.map((i) => i.name);
  }

  get outputNames(): string[] {
    return this.outputs.map((o) => o.name);
  }

  /**
   * Runs the model.
   *
   * @param feeds every input by name; read (or, with `transfer`, taken) before this returns
   * @param fetches the outputs to copy back; all by default. onnxruntime computes the whole graph whatever is
   * fetched: what is rarely needed belongs in a graph of its own
   * @throws InputError when a feed or fetch does not fit; WorkerDiedError when the thread ends; Error with
   * onnxruntime's words when the model fails; the signal's reason when aborted
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: readonly string[],
    { signal, transfer = false }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    this.#assertUsable();
    checkFeeds(this.name, this.inputs, feeds);
    const names = checkFetches(this.name, this.outputs, fetches);
    signal?.throwIfAborted();
    const call = {
      kind: "run",
      session: this.#id,
      feeds: takeFeeds(feeds, transfer),
      fetches: names,
    } as const;
    const result = await inSessionSpan(
      this.name,
      () =>
        this.#worker.call<"run">(call, signal).catch((error) => {
          throw signal?.aborted ? error : explain(`Cannot run session "${this.name}"`, error);
        }),
    );
    return result as Record<string, Tensor>;
  }

  /**
   * Closes onnxruntime's trace.
   *
   * @returns the path of the trace file, to be read with `readProfile`
   * @throws Error when the session was created without `profilePrefix`
   */
  async endProfiling(): Promise<string> {
    this.#assertUsable();
    const prefix = this.options.profilePrefix;
    if (prefix === undefined) {
      throw new Error(
        `Cannot end profiling of session "${this.name}": it was created without profilePrefix`,
      );
    }
    await this.#worker.call<"endProfiling">({ kind: "endProfiling", session: this.#id });
    const written = readdirSync(dirname(prefix))
      .filter((f) => f.startsWith(`${basename(prefix)}_`) && f.endsWith(".json"))
      .map((f) => join(dirname(prefix), f))
      .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
    const newest = written[0];
    if (newest === undefined) throw new Error(`internal: no profile at "${prefix}_*.json"`);
    return newest;
  }

  /** Frees the model's native memory after the runs that wait. Doing it twice does nothing. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    try {
      if (this.#worker.alive) {
        await this.#worker.call<"release">({ kind: "release", session: this.#id });
      }
    } finally {
      if (this.#ownsWorker) this.#worker.terminate();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #assertUsable(): void {
    if (this.#released) {
      throw new Error(`Cannot use session "${this.name}": it was released`);
    }
  }
}

function nameOf(options: RuntimeOptions): string {
  return options.name ?? "model";
}

/** The same kind of error, with what was tried in front; other kinds stay as they are. */
function explain(what: string, error: unknown): unknown {
  if (error instanceof InputError) return new InputError(`${what}: ${error.message}`);
  if (error instanceof Error && error.constructor === Error) {
    return new Error(`${what}: ${error.message}`);
  }
  return error;
}

/**
 * Loads a model.
 *
 * @param worker the thread to load it in; a new one, which `release()` ends, by default
 * @throws InputError for a model that is not given as bytes or path, or has an input or output type that
 * cannot be passed; Error when the execution provider's libraries, an external data file, or anything
 * onnxruntime needs is missing
 */
export async function createSession(
  model: ModelSource,
  options: RuntimeOptions = {},
  worker?: SessionWorker,
): Promise<InferenceSession> {
  const what = `Cannot create session "${nameOf(options)}"`;
  const provider = options.executionProvider ?? "cpu";
  requirePrecision(what, provider, options.precision ?? "fp32");
  requireProvider(what, provider);
  if (provider === "cuda") setTf32(what, options.tf32 ?? false);
  const { model: source, folder } = prepareModel(what, model);
  const host = worker ?? new SessionWorker();
  const session = host.newSessionId();
  try {
    const values = await host.call<"create">({
      kind: "create",
      session,
      name: nameOf(options),
      model: source,
      options: nativeOptions(options, folder),
    });
    return new InferenceSession(host, session, worker === undefined, options, values);
  } catch (error) {
    if (worker === undefined) host.terminate();
    throw explain(what, error);
  }
}

/** A graph as bytes of ONNX. */
export interface EncodedGraph {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Path of the file that each location of its external data stands for. */
  readonly files: ReadonlyMap<string, string>;
}

export function encodeGraph({ graph, files }: ModelGraph): EncodedGraph {
  return { name: graph.name, bytes: encodeModel(graph), files };
}

/** Loads a graph over a checkpoint's weights, under the graph's own name. @throws as {@link createSession} */
export function openGraph(
  model: ModelGraph | EncodedGraph,
  options: RuntimeOptions = {},
  worker?: SessionWorker,
): Promise<InferenceSession> {
  const { name, bytes, files } = "graph" in model ? encodeGraph(model) : model;
  const source = { bytes, externalData: Object.fromEntries(files) };
  return createSession(source, { ...options, name }, worker);
}

/** Runs `work` in a span "run <session>" where somebody traces what asks for it; else just runs it. */
async function inSessionSpan<T>(session: string, work: () => Promise<T>): Promise<T> {
  if (!trace.getActiveSpan()?.isRecording()) return await work();
  const span = trace.getTracer("decorum.runtime").startSpan(`run ${session}`);
  try {
    return await work();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    span.setAttribute("error.type", name);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    throw error;
  } finally {
    span.end();
  }
}
