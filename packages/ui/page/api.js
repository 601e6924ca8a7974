// @ts-check

/**
 * @typedef {object} Run a run of the list
 * @property {string} runId
 * @property {string} state
 * @property {number} step
 * @property {number} totalSteps
 * @property {number} startedMs
 * @property {number} endedMs
 * @property {number} weightsVersion
 * @property {number} checkpointStep
 * @property {string} configHash
 * @property {string} message
 * @property {Record<string, number | null>} metrics
 *
 * @typedef {Run & { config: unknown, metricNames: string[] }} RunDetail
 *
 * @typedef {object} Curve
 * @property {string} name
 * @property {(number | null)[]} mean
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 *
 * @typedef {object} Curves
 * @property {number} width steps in a point
 * @property {number} from first step
 * @property {number[]} steps
 * @property {number[]} unixMs
 * @property {Curve[]} curves
 *
 * @typedef {object} Sample
 * @property {string} prompt
 * @property {string} response
 * @property {number} score
 * @property {number} [tokens]
 * @property {Record<string, number>} [scores]
 *
 * @typedef {{ mean: number, std: number }} Moments
 * @typedef {object} Comparison
 * @property {number} n
 * @property {Moments} before
 * @property {Moments} after
 * @property {number | null} improvement_pct
 * @property {[number, number] | null} ci95
 *
 * @typedef {object} RewardComparison
 * @property {string} name empty for the weighted sum
 * @property {number} weight
 * @property {number} n
 * @property {Moments | null} before
 * @property {Moments | null} after
 * @property {number | null} difference
 * @property {[number, number] | null} ci95
 *
 * @typedef {object} EvaluationSample
 * @property {string} prompt
 * @property {string} before
 * @property {string} after
 * @property {number} toxicity_before
 * @property {number} toxicity_after
 * @property {Record<string, number>} rewards_before
 * @property {Record<string, number>} rewards_after
 *
 * @typedef {object} Evaluation
 * @property {Comparison | null} toxicity
 * @property {Comparison | null} judge
 * @property {RewardComparison[]} rewards
 * @property {RewardComparison | null} reward
 * @property {{ before: number, after: number } | null} rouge_l
 * @property {number} kl
 * @property {{ before: number, after: number }} distinct2
 * @property {{ before: Moments, after: Moments }} length
 * @property {{ before: number[], after: number[] }} toxicities of every response
 * @property {EvaluationSample[]} samples
 *
 * @typedef {{ step: number, unixMs: number, result: Evaluation }} EvaluationRow
 * @typedef {{ id: number, step: number, unixMs: number, kind: string, message: string }} EventRow
 *
 * @typedef {object} CurvesQuery
 * @property {string[]} names
 * @property {number} points
 * @property {number} [from]
 * @property {number} [width]
 *
 * @typedef {{ controls: boolean, reading: boolean, token: boolean }} Session
 *
 * @typedef {object} News
 * @property {Run[]} [runs]
 * @property {boolean} [all]
 * @property {boolean} [older]
 * @property {string} [problem]
 *
 * @typedef {object} Api where the page gets what it shows
 * @property {boolean} live false: a report in one file, in which nothing changes
 * @property {() => Promise<Session>} session
 * @property {(id: string) => Promise<RunDetail>} run
 * @property {(id: string, query: CurvesQuery) => Promise<Curves>} curves
 * @property {(id: string, step: number) => Promise<Sample[]>} samples
 * @property {(id: string) => Promise<EvaluationRow[]>} evaluations
 * @property {(id: string) => Promise<EventRow[]>} events
 * @property {(id: string, control: string) => Promise<unknown>} control
 */

/** A refusal of the server. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const TOKEN = "decorum-token";

/** The token of this tab; it is sent to this server alone, and forgotten with the tab. */
export function token() {
  return sessionStorage.getItem(TOKEN);
}

/** @param {string | null} value */
export function keepToken(value) {
  if (value === null) sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, value);
}

/** Takes a token out of the address, where `decorum ui` puts it: it is in no history and goes to no server. */
export function takeToken() {
  const match = /^#token=([\x21-\x7e]+)$/.exec(location.hash);
  if (!match?.[1]) return;
  keepToken(match[1]);
  history.replaceState(null, "", location.pathname + "#/");
}

/** @param {string} path @param {RequestInit} [init] */
async function request(path, init = {}) {
  const known = token();
  const response = await fetch(`/api/${path}`, {
    ...init,
    headers: known === null ? {} : { authorization: `Bearer ${known}` },
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ApiError(response.status, body.error ?? `The server answered ${response.status}`);
}

/** @param {string} path */
const get = async (path) => await (await request(path)).json();
/** @param {string} id @param {string} [part] */
const of = (id, part) => `runs/${encodeURIComponent(id)}${part === undefined ? "" : `/${part}`}`;

/** @type {Api} */
const server = {
  live: true,
  session: () => get("session"),
  run: async (id) => (await get(of(id))).run,
  curves: (id, { names, ...numbers }) => {
    const query = new URLSearchParams(names.map((name) => ["name", name]));
    for (const [name, value] of Object.entries(numbers)) query.set(name, String(value));
    return get(of(id, `curves?${query}`));
  },
  samples: async (id, step) => (await get(of(id, `samples?step=${step}`))).samples,
  evaluations: async (id) => (await get(of(id, "evaluations"))).evaluations,
  events: async (id) => (await get(of(id, "events"))).events,
  control: (id, control) => request(of(id, control), { method: "POST" }),
};

/**
 * @typedef {object} Embedded what a report holds
 * @property {RunDetail} run
 * @property {Curves} curves
 * @property {Record<string, Sample[]>} samples by step
 * @property {EvaluationRow[]} evaluations
 * @property {EventRow[]} events
 */

/** @param {Embedded} data @returns {Api} */
const embedded = (data) => ({
  live: false,
  session: () => Promise.resolve({ controls: false, reading: true, token: false }),
  run: () => Promise.resolve(data.run),
  curves: (_, { names }) =>
    Promise.resolve({
      ...data.curves,
      curves: names.flatMap((name) => data.curves.curves.filter((curve) => curve.name === name)),
    }),
  samples: (_, step) => Promise.resolve(data.samples[step] ?? []),
  evaluations: () => Promise.resolve(data.evaluations),
  events: () => Promise.resolve(data.events),
  control: () => Promise.reject(new ApiError(405, "A report changes nothing")),
});

/** What this page shows: a report's own data, or a server's. */
export const report = readReport();
/** @type {Api} */
export const api = report ? embedded(report) : server;

/** @returns {Embedded | undefined} */
function readReport() {
  const data = document.getElementById("report");
  return data ? JSON.parse(data.textContent ?? "") : undefined;
}

/**
 * Hears of runs that change, through one connection that is made again when it breaks.
 *
 * @param {(news: News) => void} hear
 * @param {(state: "live" | "waiting" | "token") => void} state
 */
export function listen(hear, state) {
  let over = false;
  let connection = new AbortController();
  const connect = async () => {
    for (let pause = 500; !over; pause = Math.min(10_000, pause * 2)) {
      connection = new AbortController();
      try {
        const response = await request("stream", { signal: connection.signal });
        state("live");
        pause = 250;
        for await (const line of linesOf(response)) hear(JSON.parse(line));
      } catch (error) {
        if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
          state("token");
          return;
        }
      }
      if (over) return;
      state("waiting");
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  void connect();
  return () => {
    over = true;
    connection.abort();
  };
}

/** Milliseconds of silence after which a connection is taken for broken. */
const SILENCE_MS = 30_000;

/** @param {Response} response @returns {AsyncGenerator<string>} */
async function* linesOf(response) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const timer = setTimeout(() => void reader.cancel(), SILENCE_MS);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}
