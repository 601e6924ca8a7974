import { InputError } from "@decorum/tensor";

/** Responses to score, and what is known of each; all lists are parallel. */
export interface RewardBatch {
  readonly prompts: readonly string[];
  readonly responses: readonly string[];
  /** The human text of the row; null where the data has none. */
  readonly references: readonly (string | null)[];
  /** The row of the data set, as it was read. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** How a source is called. */
export interface RewardCall {
  readonly signal: AbortSignal;
  /** Is told what is waited for, once for each new reason. */
  readonly say: (message: string) => void;
  /** Calls a service of Decorum until it answers, as its user waits for services. */
  readonly persist: <T>(address: string, call: () => Promise<T>) => Promise<T>;
}

/** What a source says of a batch; lists are parallel to its responses. */
export interface SourceScores {
  /** Null where the term does not apply. */
  readonly scores: readonly (number | null)[];
  /** Of a classifier of which one label is scored: the probability of all others, which is toxicity for a civil label. */
  readonly otherProbability?: readonly number[];
}

/** Where the scores of one term come from. */
export interface RewardSource extends AsyncDisposable {
  /**
   * A score of each response, in order. What is only away for a while is waited for.
   *
   * @throws RewardError for an answer that cannot be used; the signal's reason
   */
  score(batch: RewardBatch, call: RewardCall): Promise<SourceScores>;
  /** Whether it can be used at all, asked before a run begins. @throws RewardError */
  check?(call: RewardCall): Promise<void>;
  /** What decides its numbers, as a short text that changes when they may: part of the checkpoint's hash. */
  version(call: RewardCall): Promise<string>;
}

/** A reward that gave no usable score: its name and the response are in the message. */
export class RewardError extends InputError {
  override readonly name = "RewardError";
  /** @param row of the batch; undefined where it is about the whole */
  constructor(
    readonly term: string,
    readonly row: number | undefined,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    const where = row === undefined ? "" : `, response ${row} of the batch`;
    super(`Reward "${term}"${where}: ${problem}`, options);
  }

  /** The same of another row. */
  at(row: number): RewardError {
    return new RewardError(this.term, row, this.problem, { cause: this.cause });
  }
}

/**
 * Scores as a source answered them, checked.
 *
 * @throws RewardError for another number of scores, or one that is neither a finite number nor null
 */
export function checkScores(term: string, answer: unknown, count: number): (number | null)[] {
  if (!Array.isArray(answer)) {
    throw new RewardError(
      term,
      undefined,
      `expected a list of ${count} scores, got ${kind(answer)}`,
    );
  }
  if (answer.length !== count) {
    throw new RewardError(term, undefined, `expected ${count} scores, got ${answer.length}`);
  }
  answer.forEach((score, row) => {
    if (score === null || (typeof score === "number" && Number.isFinite(score))) return;
    throw new RewardError(term, row, `expected a finite number or null, got ${kind(score)}`);
  });
  return answer as (number | null)[];
}

function kind(value: unknown): string {
  if (typeof value === "number" || value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
