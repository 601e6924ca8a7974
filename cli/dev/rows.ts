import type { SpanNode } from "@decorum/telemetry";

/** One line of a waterfall: a span, or several siblings of the same name. */
export interface Row {
  readonly depth: number;
  readonly service: string;
  readonly label: string;
  /** Start and end of each span on the line, in milliseconds from the trace's start. */
  readonly spans: readonly (readonly [start: number, end: number])[];
  /** What went wrong, where something did. */
  readonly error: string | undefined;
}

/** Siblings of one name that are shown one by one. */
const MOST_SHOWN = 3;

/**
 * A trace as lines, from the top down: of more than three siblings of one name all are on one line, and what
 * lies below them too.
 *
 * @param full true: each span has its line
 */
export function rowsOf(root: SpanNode, full = false): Row[] {
  const begin = root.start;
  const rows: Row[] = [];
  const show = (group: readonly SpanNode[], depth: number): void => {
    const [first] = group;
    if (!first) return;
    rows.push({
      depth,
      service: first.service.replace(/^decorum-/, ""),
      label: labelOf(first) + (group.length > 1 ? ` ×${group.length}` : ""),
      spans: group.map((
        { start, end },
      ) => [milliseconds(start - begin), milliseconds(end - begin)]),
      error: group.map(errorOf).find((error) => error !== undefined),
    });
    const children = group.flatMap((span) => span.children);
    for (const siblings of grouped(children, full)) show(siblings, depth + 1);
  };
  show([root], 0);
  return rows;
}

/** Spans by name and service, in the order of their first start; a few stay alone. */
function grouped(spans: readonly SpanNode[], full: boolean): SpanNode[][] {
  if (full) return inOrder(spans).map((span) => [span]);
  const groups = Map.groupBy(
    inOrder(spans),
    ({ service, name, kind }) => `${service} ${kind} ${name}`,
  );
  return [...groups.values()]
    .flatMap((group) => group.length > MOST_SHOWN ? [group] : group.map((span) => [span]))
    .toSorted((a, b) => Number(a[0]!.start - b[0]!.start));
}

function inOrder(spans: readonly SpanNode[]): SpanNode[] {
  return spans.toSorted((a, b) => Number(a.start - b.start));
}

/** Methods without their package: a call that is made has an arrow. */
function labelOf({ name, kind, attributes }: SpanNode): string {
  const short = name.replace(/^[\w.]+\.(\w+)\/(\w+)$/, "$2");
  const step = attributes["decorum.step"];
  const text = step === undefined ? short : `${short} ${step}`;
  return kind === "client" ? `→ ${text}` : text;
}

function errorOf({ status, statusMessage, attributes }: SpanNode): string | undefined {
  if (status !== "error") return undefined;
  const type = String(attributes["error.type"] ?? "error");
  return statusMessage === "" ? type : `${type}: ${statusMessage}`;
}

/** Milliseconds in which each service worked: its spans without what lies below them, added up. */
export function ownTimes(root: SpanNode): Map<string, number> {
  const times = new Map<string, number>();
  const visit = (span: SpanNode): void => {
    const inside = covered(span);
    // What a client waits for beyond its server is the network and the queues of HTTP/2.
    const service = span.kind === "client" ? "(calls)" : span.service.replace(/^decorum-/, "");
    const own = milliseconds(span.end - span.start) - inside;
    times.set(service, (times.get(service) ?? 0) + Math.max(0, own));
    span.children.forEach(visit);
  };
  visit(root);
  return times;
}

/** Milliseconds of a span in which some child runs. */
function covered({ start, end, children }: SpanNode): number {
  let total = 0n;
  let until = start;
  for (const child of inOrder(children)) {
    const from = child.start > until ? child.start : until;
    const to = child.end < end ? child.end : end;
    if (to <= from) continue;
    total += to - from;
    until = to;
  }
  return milliseconds(total);
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
