import { InputError } from "@decorum/tensor";
import { buffersOf, type Call, type Reply, type Results } from "./messages.ts";
import type { ThreadMemory, WorkerUsage } from "./usage.ts";

interface Job {
  readonly call: Call;
  readonly resolve: (result: Results[keyof Results]) => void;
  readonly reject: (reason: unknown) => void;
}

/** The thread of a session is gone: every call that waited for it fails with this, and every later one. */
export class WorkerDiedError extends Error {
  override name = "WorkerDiedError";
}

const live = new Set<SessionWorker>();

/** What the workers of this process hold; those whose thread has ended are not among them. */
export function workerUsage(): WorkerUsage[] {
  return [...live].map((worker) => worker.usage);
}

/**
 * One thread that hosts sessions and runs their calls one after another, in the order they were made.
 *
 * A thread a session (the default of `createSession`) lets sessions run at the same time. Sessions that
 * would only compete for the same cores do better in one worker. Weights are shared either way: they are
 * pages of the same mapped file.
 *
 * A live worker keeps the process from exiting: release it.
 */
export class SessionWorker {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  readonly #queue: Job[] = [];
  #current: Job | undefined;
  #death: WorkerDiedError | undefined;
  #nextSession = 1;
  #name = "worker";
  /** Bytes that each session took to load. */
  readonly #sessions = new Map<number, number>();
  #memory: ThreadMemory = { heap: 0, buffers: 0 };
  #busyMs = 0;
  #sentAt = 0;

  constructor() {
    live.add(this);
    this.#worker.onmessage = (event: MessageEvent<Reply>) => this.#settle(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`it failed with: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#die("a message from it could not be read");
  }

  /** False once the thread has ended. */
  get alive(): boolean {
    return this.#death === undefined;
  }

  /** What it has done and holds. */
  get usage(): WorkerUsage {
    const running = this.#current ? performance.now() - this.#sentAt : 0;
    return {
      ...this.#memory,
      name: this.#name,
      sessions: this.#sessions.size,
      busySeconds: (this.#busyMs + running) / 1000,
      sessionBytes: [...this.#sessions.values()].reduce((sum, bytes) => sum + bytes, 0),
    };
  }

  /** A number no other session of this worker has. */
  newSessionId(): number {
    return this.#nextSession++;
  }

  /**
   * Queues a call. The buffers of a run's feeds belong to the call from here on.
   *
   * With `signal`: a call that still waits is dropped; one that runs cannot be stopped (the binding has no
   * way to), so the promise rejects at once, the run goes on in its thread and its result is thrown away.
   *
   * @throws WorkerDiedError when the thread has ended, or ends before it answers.
   */
  call<K extends Call["kind"]>(
    call: Extract<Call, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<Results[K]> {
    if (this.#death) return Promise.reject(this.#death);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<Results[keyof Results]>();
    const job: Job = { call, resolve, reject };
    const abort = () => {
      const place = this.#queue.indexOf(job);
      if (place >= 0) this.#queue.splice(place, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    this.#queue.push(job);
    this.#next();
    return promise.finally(() => signal?.removeEventListener("abort", abort)) as Promise<
      Results[K]
    >;
  }

  /** Ends the thread at once; what still waits for it fails. Doing it twice does nothing. */
  terminate(): void {
    this.#die("it was terminated");
  }

  [Symbol.dispose](): void {
    this.terminate();
  }

  #next(): void {
    if (this.#current || this.#death) return;
    this.#current = this.#queue.shift();
    if (!this.#current) return;
    const { call } = this.#current;
    this.#sentAt = performance.now();
    this.#worker.postMessage(call, call.kind === "run" ? buffersOf(call.feeds) : []);
  }

  #settle(reply: Reply): void {
    const job = this.#current;
    this.#busyMs += performance.now() - this.#sentAt;
    this.#current = undefined;
    this.#next();
    if (job && reply.ok) this.#note(job.call, reply);
    if (reply.ok) job?.resolve(reply.result);
    else job?.reject(new (reply.name === "InputError" ? InputError : Error)(reply.message));
  }

  #note(call: Call, { memory, grownBy }: Extract<Reply, { ok: true }>): void {
    this.#memory = memory ?? this.#memory;
    if (call.kind === "release") this.#sessions.delete(call.session);
    if (call.kind !== "create") return;
    if (this.#name === "worker") this.#name = call.name;
    this.#sessions.set(call.session, Math.max(0, grownBy));
  }

  #die(why: string): void {
    if (this.#death) return;
    live.delete(this);
    this.#death = new WorkerDiedError(
      `Cannot run in this session worker: ${why}. Create the session again`,
    );
    this.#worker.terminate();
    for (const job of [this.#current, ...this.#queue.splice(0)]) job?.reject(this.#death);
    this.#current = undefined;
  }
}
