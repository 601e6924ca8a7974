import { randomUUID } from "node:crypto";
import type { LoraConfig } from "@decorum/models";
import { aborted, notFound, resourceExhausted } from "@decorum/rpc";
import type { PushRequest } from "./manifest.ts";
import { Upload } from "./upload.ts";
import {
  type HeldWeights,
  heldWeights,
  type Precondition,
  type WeightsLabel,
  type WeightsStore,
} from "./weights.ts";

/** Pushes that may be open at once; each holds its bytes. */
const MAX_OPEN = 8;
/** An open push that nobody touched for so long is dropped. */
const IDLE_MS = 5 * 60_000;
/** Commits whose answer is remembered. */
const MAX_COMMITTED = 64;

interface OpenPush {
  readonly request: PushRequest;
  readonly found: Precondition;
  readonly upload: Upload;
  touched: number;
}

/** Weights on their way in: begun, uploaded, committed or aborted. */
export class Pushes {
  readonly #open = new Map<string, OpenPush>();
  readonly #committed = new Map<string, { expectedVersion: number; weights: HeldWeights }>();

  /** @param now milliseconds of a clock that does not go back */
  constructor(
    readonly store: WeightsStore,
    readonly lora: LoraConfig,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** Pushes that are open. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * @returns the push's name
   * @throws StatusError FAILED_PRECONDITION for another version, RESOURCE_EXHAUSTED when too many are open
   */
  begin(request: PushRequest): string {
    const { runId, expectedVersion, restart } = request;
    const found = this.store.begin(runId, expectedVersion, restart);
    for (const [id, { touched }] of this.#open) {
      if (this.now() - touched > IDLE_MS) this.#open.delete(id);
    }
    if (this.#open.size >= MAX_OPEN) {
      throw resourceExhausted(
        `Cannot begin a push: ${MAX_OPEN} are open; commit or abort one`,
        1000,
      );
    }
    const id = randomUUID();
    const upload = new Upload(request.tensors);
    this.#open.set(id, { request, found, upload, touched: this.now() });
    return id;
  }

  /** The upload of an open push. @throws StatusError NOT_FOUND */
  upload(id: string): Upload {
    const push = this.#find(id);
    push.touched = this.now();
    return push.upload;
  }

  /**
   * Checks a push and makes it the newest version of its run. A commit that was done answers as it did.
   *
   * @throws StatusError NOT_FOUND, ABORTED, DATA_LOSS; InputError for values that are not finite. But for
   * bytes that are missing, the push is over.
   */
  commit(id: string, expectedVersion: number): HeldWeights {
    const done = this.#committed.get(id);
    if (done) {
      this.#checkExpected(done.expectedVersion, expectedVersion);
      return done.weights;
    }
    const { request, found, upload } = this.#find(id);
    this.#checkExpected(request.expectedVersion, expectedVersion);
    upload.checkComplete();
    this.#open.delete(id);
    const { tensors, sha256 } = upload.finish();
    const { runId, start } = request;
    const label: WeightsLabel = start
      ? { kind: "START", runId, version: 0, sha256 }
      : { kind: "VERSION", runId, version: expectedVersion + 1, sha256 };
    const weights = heldWeights(label, this.lora, tensors);
    this.store.commit(weights, found, request.restart);
    this.#committed.set(id, { expectedVersion, weights });
    for (const oldest of [...this.#committed.keys()].slice(0, -MAX_COMMITTED)) {
      this.#committed.delete(oldest);
    }
    return weights;
  }

  /** Drops an open push. @returns whether there was one */
  abort(id: string): boolean {
    return this.#open.delete(id);
  }

  #find(id: string): OpenPush {
    const push = this.#open.get(id);
    if (push) return push;
    throw notFound(
      `Cannot find push ${JSON.stringify(id.slice(0, 100))}: it was committed, aborted, refused, ` +
        `or not touched for ${IDLE_MS / 60_000} minutes; begin again`,
    );
  }

  #checkExpected(begun: number, committed: number): void {
    if (begun === committed) return;
    throw aborted(
      `Cannot commit a push on version ${committed}: it was begun on version ${begun}`,
    );
  }
}
