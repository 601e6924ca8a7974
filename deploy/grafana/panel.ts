/** One expression of a panel. */
export interface Query {
  /** PromQL; of a panel of logs LogQL, of traces TraceQL. */
  readonly expr: string;
  /** Name of its lines, as `{{rpc_method}}`. */
  readonly legend: string;
  /** Dots that lead to the traces behind a histogram. */
  readonly exemplars?: boolean;
}

/** What data a panel draws, and how; a dashboard's JSON and its test are both made from it. */
export interface PanelSpec {
  readonly title: string;
  /** What the panel tells, and what to look for. */
  readonly description: string;
  readonly kind: "timeseries" | "stat" | "logs" | "traces";
  /** A unit of Grafana's, as `s`, `bytes`, `percentunit`, `short`. */
  readonly unit: string;
  /** Columns of 24. */
  readonly width: number;
  readonly queries: readonly Query[];
  readonly min?: number;
  readonly max?: number;
  readonly stacked?: boolean;
  /** Names of two lines between which is filled. */
  readonly band?: { readonly upper: string; readonly lower: string };
}

export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

export interface DashboardSpec {
  /** Stable for ever: links hold it. Also the file's name. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly VariableName[];
  readonly annotations: boolean;
  readonly rows: readonly RowSpec[];
}

/** Choices at a dashboard's top. */
export type VariableName = "run" | "job" | "instance" | "node";

type Options = Partial<Omit<PanelSpec, "title" | "description" | "unit" | "queries">>;

/** A panel with lines over time; a third of the width by default. */
export function lines(
  title: string,
  unit: string,
  description: string,
  queries: readonly Query[],
  options: Options = {},
): PanelSpec {
  return { title, unit, description, queries, kind: "timeseries", width: 8, ...options };
}

/** A panel with the newest value as a number; an eighth of the width by default. */
export function stat(
  title: string,
  unit: string,
  description: string,
  expr: string,
  options: Options = {},
): PanelSpec {
  const queries = [{ expr, legend: title }];
  return { title, unit, description, queries, kind: "stat", width: 3, ...options };
}

export function query(expr: string, legend: string): Query {
  return { expr, legend };
}

/** Rate of a counter in 1/s, summed by labels. */
export function rate(counter: string, by: string, legend: string): Query {
  return query(`sum by (${by}) (rate(${counter}[$__rate_interval]))`, legend);
}

/** Quantiles of a histogram, with exemplars on the highest. `selector` is its name and labels, without `_bucket`. */
export function quantiles(
  name: string,
  labels: string,
  by: string,
  legend: string,
  of: readonly number[] = [0.5, 0.95, 0.99],
): Query[] {
  return of.map((q, i) => ({
    expr: `histogram_quantile(${q}, sum by (${by === "" ? "le" : `le, ${by}`}) ` +
      `(rate(${name}_bucket{${labels}}[$__rate_interval])))`,
    legend: `p${q * 100}${legend === "" ? "" : ` ${legend}`}`,
    ...(i === of.length - 1 ? { exemplars: true } : {}),
  }));
}

/** Mean of a histogram's values over the interval. */
export function mean(name: string, labels: string, by: string, legend: string): Query {
  const part = (suffix: string) =>
    `sum by (${by}) (rate(${name}_${suffix}{${labels}}[$__rate_interval]))`;
  return query(`${part("sum")} / ${part("count")}`, legend);
}
