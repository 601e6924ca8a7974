/**
 * What a label may hold. A list: these values and "other", nothing else. "code": names written in the code
 * (methods of protos, PPO's statistics, phases), never what a caller sends. "run": ids of runs, checked where
 * runs begin; a process shows its newest eight.
 */
export type LabelValues = readonly string[] | "code" | "run";
export type Labels = Readonly<Record<string, LabelValues>>;

/** What a metric is. Its name carries its unit as a suffix, as OpenMetrics wants: see `metricUnit`. */
export interface MetricDeclaration {
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence for people. */
  readonly help: string;
  readonly labels: Labels;
  /** Upper bounds of a histogram's buckets, ascending. */
  readonly buckets?: readonly number[];
}

/** A declaration whose type and labels the compiler knows. */
export interface Declared<T extends MetricDeclaration["type"], L extends Labels>
  extends MetricDeclaration {
  readonly type: T;
  readonly labels: L;
}

/** Declares a counter. */
export function counter(help: string): Declared<"counter", Record<never, never>>;
export function counter<const L extends Labels>(help: string, labels: L): Declared<"counter", L>;
export function counter(help: string, labels: Labels = {}): Declared<"counter", Labels> {
  return { type: "counter", help, labels };
}

/** Declares a gauge. */
export function gauge(help: string): Declared<"gauge", Record<never, never>>;
export function gauge<const L extends Labels>(help: string, labels: L): Declared<"gauge", L>;
export function gauge(help: string, labels: Labels = {}): Declared<"gauge", Labels> {
  return { type: "gauge", help, labels };
}

type Buckets = readonly number[];
/** A declared histogram. */
export type Histogram<L extends Labels> = Declared<"histogram", L> & { readonly buckets: Buckets };

/** Declares a histogram. */
export function histogram(help: string, buckets: Buckets): Histogram<Record<never, never>>;
export function histogram<const L extends Labels>(
  help: string,
  buckets: Buckets,
  labels: L,
): Histogram<L>;
export function histogram(help: string, buckets: Buckets, labels: Labels = {}): Histogram<Labels> {
  return { type: "histogram", help, labels, buckets };
}

const units = ["ratio", "seconds", "bytes", "tokens", "nats", "watts", "celsius"];

/** Unit of a metric's value, which is in its name; "1" for counts and what has none. */
export function metricUnit(name: string): string {
  const suffix = name.replace(/_total$/, "").split("_").at(-1) ?? "";
  return units.includes(suffix) ? suffix : "1";
}
