import { parser } from "@prometheus-io/lezer-promql";

/** What Grafana puts in place of its variables; `interval` where it means `$__rate_interval`. */
export function substituted(
  expr: string,
  values: Readonly<Record<string, string>>,
  interval: string,
): string {
  const all: Record<string, string> = {
    ...values,
    __rate_interval: interval,
    __interval: interval,
  };
  return expr.replaceAll(/\$\{?(\w+)\}?/g, (whole, name: string) => all[name] ?? whole);
}

/** Pieces of a query that are no PromQL. */
export function unparsed(expr: string): string[] {
  const text = substituted(expr, { run: "a", job: "a", instance: "a", node: "a" }, "1m");
  const found: string[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found.push(text.slice(from, Math.max(to, from + 10)));
    },
  });
  return found;
}

/** Names of the metrics that a query asks for. */
export function metricsOf(expr: string): string[] {
  const text = substituted(expr, { run: "a", job: "a", instance: "a", node: "a" }, "1m");
  const names: string[] = [];
  parser.parse(text).iterate({
    enter: ({ name, node, from, to }) => {
      if (name === "Identifier" && node.parent?.name === "VectorSelector") {
        names.push(text.slice(from, to));
      }
    },
  });
  return names;
}
