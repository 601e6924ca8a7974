import type { Labels, LabelValues, MetricDeclaration } from "./declaration.ts";
import { metricNames } from "./names.ts";

/** Label sets that one metric may have. */
const MAX_SERIES = 500;
/** Runs that a process shows. */
const MAX_RUNS = 8;
/** What names in code and ids of runs are made of; a version may stand behind, as in "deno 2.9.3". */
const PLAIN = /^[\w.:/+@-]{1,128}( [\w.]{1,20})?$/;

type LabelSet = Readonly<Record<string, string>>;

/** A metric's series that is no longer shown. */
interface GoneSeries {
  readonly name: string;
  readonly labels: LabelSet;
}

/**
 * Keeps the sets of labels small, whatever comes: a value outside its list, or that is no plain short name,
 * becomes "other"; a metric has at most 500 sets of labels, and a process the newest 8 runs.
 */
export class LabelGuard {
  readonly #seen = new Map<string, Map<string, LabelSet>>();
  readonly #runs = new Set<string>();

  /** @param onGone told of every series of a run that is shown no longer */
  constructor(readonly onGone: (series: GoneSeries) => void) {}

  /** The labels to record under; undefined where the metric has its share of sets already. */
  accept(name: keyof typeof metricNames, labels: LabelSet): LabelSet | undefined {
    let sets = this.#seen.get(name);
    if (sets === undefined) this.#seen.set(name, sets = new Map());
    const { labels: declared = {} }: MetricDeclaration = metricNames[name];
    const known = sets.get(keyOf(declared, labels));
    if (known !== undefined) return known;
    const plain = Object.fromEntries(
      Object.entries(declared).map(([label, values]) => [label, bounded(values, labels[label])]),
    );
    const plainKey = keyOf(declared, plain);
    const same = sets.get(plainKey);
    if (same !== undefined) return same;
    for (const [label, values] of Object.entries(declared)) {
      if (values === "run") this.#enter(plain[label]!);
    }
    if (sets.size >= MAX_SERIES) return undefined;
    sets.set(plainKey, plain);
    return plain;
  }

  /** Lets go of all series of a run. */
  forget(runId: string): void {
    if (!this.#runs.delete(runId)) return;
    for (const [name, sets] of this.#seen) {
      for (const [key, labels] of sets) {
        if (labels["run_id"] !== runId) continue;
        sets.delete(key);
        this.onGone({ name, labels });
      }
    }
  }

  #enter(runId: string): void {
    if (this.#runs.has(runId)) return;
    this.#runs.add(runId);
    const [oldest] = this.#runs;
    if (this.#runs.size > MAX_RUNS && oldest !== undefined) this.forget(oldest);
  }
}

/** The values in the order of their declaration. */
function keyOf(declared: Labels, labels: LabelSet): string {
  let key = "";
  for (const label in declared) key += `${labels[label]}\0`;
  return key;
}

function bounded(values: LabelValues, found: string | undefined): string {
  const text = found ?? "";
  const fits = typeof values === "string" ? PLAIN.test(text) : values.includes(text);
  return fits ? text : "other";
}
