/**
 * What a label may hold. A list: these values and "other", nothing else. "code": names written in the code
 * (methods of protos, the algorithms' statistics, phases), never what a caller sends. "run": ids of runs, checked where
 * runs begin; a process shows its newest eight.
 */
export type LabelValues = readonly string[] | "code" | "run";
export type Labels = Readonly<Record<string, LabelValues>>;

/**
 * What a metric is. Its name says the rest, as OpenMetrics wants: its unit is a suffix, and one that ends in
 * "_total" is a counter. One with buckets is a histogram, any other a gauge.
 */
export interface MetricDeclaration {
  /** One sentence for people. */
  readonly help: string;
  /** None when absent. */
  readonly labels?: Labels;
  /** Upper bounds of a histogram's buckets, ascending. */
  readonly buckets?: readonly number[];
}

/** Kind of a metric, by its name and declaration. */
export function metricType(
  name: string,
  { buckets }: MetricDeclaration,
): "counter" | "gauge" | "histogram" {
  if (buckets !== undefined) return "histogram";
  return name.endsWith("_total") ? "counter" : "gauge";
}

const units = ["ratio", "seconds", "bytes", "tokens", "nats", "watts", "celsius"];

/** Unit of a metric's value, which is in its name; "1" for counts and what has none. */
export function metricUnit(name: string): string {
  const suffix = name.replace(/_total$/, "").split("_").at(-1) ?? "";
  return units.includes(suffix) ? suffix : "1";
}
