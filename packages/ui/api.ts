import { StoreError } from "@decorum/runs";
import { HttpError } from "@decorum/service";
import { notFound, RpcError } from "@decorum/rpc";
import { withoutSecrets } from "./secrets.ts";
import type { RunSource } from "./source.ts";

/** Points of a curve: by default, and at most. */
const POINTS = { usual: 400, most: 4000 };
/** Metrics of one request at most. */
const MOST_METRICS = 200;

/**
 * The answer to a question about runs, as JSON has it. `path` is what comes after `/api/`.
 *
 * @throws HttpError, StatusError, StoreError; what the source throws
 */
export async function answer(
  source: RunSource,
  path: readonly string[],
  query: URLSearchParams,
): Promise<unknown> {
  const [what, id = "", part] = path;
  if (what !== "runs" || path.length > 3) throw noSuch(path);
  if (path.length === 1) return { runs: await source.runs() };
  const run = await source.run(id);
  if (!run) throw notFound(`There is no run ${JSON.stringify(id)} in ${source.name}`);
  switch (part) {
    case undefined:
      return { run: { ...run, config: withoutSecrets(run.config) } };
    case "curves": {
      const names = query.getAll("name").slice(0, MOST_METRICS);
      const points = whole(query, "points", POINTS.usual, POINTS.most);
      const from = whole(query, "from", 1);
      const width = whole(query, "width", 1);
      return await source.curves(id, { names, points, from, width });
    }
    case "samples":
      return { samples: await source.samples(id, whole(query, "step", run.step)) };
    case "evaluations":
      return { evaluations: await source.evaluations(id) };
    case "events":
      return { events: await source.events(id) };
    default:
      throw noSuch(path);
  }
}

/** What a trainer says when it cannot, or will not, tell anything of its runs. */
const away = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED"] as const;

/** What is wrong with what the page shows, where it is not the page's fault. */
export function problemOf(error: unknown): string | undefined {
  if (error instanceof StoreError) return error.message;
  return error instanceof RpcError && away.some((code) => code === error.code)
    ? error.message
    : undefined;
}

function noSuch(path: readonly string[]): HttpError {
  return new HttpError(404, `There is no /api/${path.join("/")}`);
}

function whole(query: URLSearchParams, name: string, usual: number, most = 2 ** 31): number {
  const text = query.get(name);
  if (text === null) return usual;
  if (/^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
  throw new HttpError(400, `${name} is ${JSON.stringify(text)}: expected 1 to ${most}`);
}
