import { closedLoop, quantile, type Turn } from "./closed_loop.ts";
import { randomClassifier } from "./random_classifier.ts";
import { ourServer, peerServer, type RewardServer } from "./reward_servers.ts";
import { median } from "./stats.ts";
import { fileTexts, letterTexts } from "./summary_texts.ts";

export interface ScoreLoadOptions {
  readonly threads: number;
  /** Callers that are in flight at once. */
  readonly callers: number;
  /** Texts of a turn. */
  readonly texts: number;
  readonly rounds: number;
  /** Folder for the model with random weights. */
  readonly cache: string;
  /** Python with torch, transformers, fastapi and uvicorn: the peers take turns with us. */
  readonly python?: string;
  /** A file with one text a line; default: texts of DialogSum's lengths. */
  readonly data?: string;
  /** A folder whose tokenizer the model gets; needed for real texts. */
  readonly tokenizer?: string;
  /** Further settings of our service, as `reward.batching.max_tokens=1024`. */
  readonly set?: readonly string[];
}

/** One server, all its turns together. */
export interface ScoreLoadRow {
  readonly server: string;
  /** Median over turns. */
  readonly texts_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Processor time of the server a text: what a busy machine distorts less. */
  readonly cpu_ms_per_text: number;
  /** Of what linear layers compute. */
  readonly padding_share: number;
  readonly peak_rss_mb: number;
}

export interface ScoreLoadResult {
  readonly rows: readonly ScoreLoadRow[];
  /** Texts a second of the first over those of the second, turn by turn, the median. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** Which ratios are asked for, and how much (issue 5). */
const compared: readonly (readonly [ours: string, other: string, asked: number])[] = [
  ["decorum fp32", "FastAPI + pipeline float32", 2],
  ["decorum fp32", "PyTorch batches float32", 1.2],
  ["decorum int8", "PyTorch batches bfloat16", 1.2],
  ["decorum int8", "decorum fp32", 1.8],
];

/**
 * Load of callers that each wait for their answer, on our reward service and on its peers. All servers are up at
 * once and take turns with the same texts, so that a machine whose speed drifts is the same for all.
 */
export async function benchScoreLoad(options: ScoreLoadOptions): Promise<ScoreLoadResult> {
  const { threads, callers, python, set = [] } = options;
  const model = randomClassifier(options.cache, options.tokenizer);
  const texts = options.data === undefined
    ? letterTexts(options.texts)
    : fileTexts(options.data, options.texts);
  await using stack = new AsyncDisposableStack();
  const servers: RewardServer[] = [];
  for (const precision of ["fp32", "int8"] as const) {
    servers.push(stack.use(await ourServer(precision, model, threads, set)));
  }
  if (python !== undefined) {
    for (
      const peer of [
        { mode: "pipeline", dtype: "float32" },
        { mode: "batches", dtype: "float32" },
        { mode: "batches", dtype: "bfloat16" },
      ] as const
    ) servers.push(stack.use(await peerServer(peer, python, model, threads)));
  }
  const turns = new Map<string, Turn[]>(servers.map(({ name }) => [name, []]));
  const cpu = new Map<string, number>(servers.map(({ name }) => [name, 0]));
  for (const server of servers) await closedLoop(texts.slice(0, callers), callers, server.score);
  for (let round = 0; round < options.rounds; round++) {
    for (const { name, score, cpuSeconds } of servers) {
      const before = cpuSeconds();
      turns.get(name)!.push(await closedLoop(texts, callers, score));
      cpu.set(name, cpu.get(name)! + cpuSeconds() - before);
    }
  }
  const rows = await Promise.all(servers.map((server) => {
    const all = turns.get(server.name)!;
    return rowOf(server, all, cpu.get(server.name)! / (all.length * texts.length));
  }));
  const ratios: Record<string, number> = {};
  for (const [ours, other, asked] of compared) {
    const [a, b] = [turns.get(ours), turns.get(other)];
    if (!a || !b) continue;
    const pairs = a.map(({ textsPerSecond }, i) => textsPerSecond / b[i]!.textsPerSecond);
    ratios[`${ours} / ${other} (${asked} asked)`] = round(median(pairs), 3);
  }
  return { rows, ratios };
}

async function rowOf(
  server: RewardServer,
  turns: readonly Turn[],
  cpuPerText: number,
): Promise<ScoreLoadRow> {
  const latencies = turns.flatMap((turn) => turn.latencies);
  return {
    server: server.name,
    texts_per_s: round(median(turns.map((turn) => turn.textsPerSecond)), 1),
    p50_ms: round(quantile(latencies, 0.5), 0),
    p99_ms: round(quantile(latencies, 0.99), 0),
    cpu_ms_per_text: round(1000 * cpuPerText, 1),
    padding_share: round(await server.paddingShare(), 3),
    peak_rss_mb: round(server.peakRss() / 2 ** 20, 0),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** For people. */
export function printScoreLoad({ rows, ratios }: ScoreLoadResult): void {
  console.table(rows);
  for (const [name, ratio] of Object.entries(ratios)) console.log(`${name.padEnd(66)}${ratio}`);
}
