/**
 * Runs inside the process of a code reward, with the permissions that its configuration grants and no others. It
 * imports nothing of the project, reads batches from standard input, one JSON object a line, and answers on standard
 * output in lines that begin with a secret: what the user's code prints cannot be taken for an answer.
 */
import process from "node:process";
import { createInterface } from "node:readline";

/** Milliseconds between two looks at how much memory the process holds. */
const WATCH_MS = 100;

/** What the parent sends. */
export interface HostRequest {
  readonly id: number;
  readonly batch: Readonly<Record<string, readonly unknown[]>>;
}

/** What comes back. JSON has no NaN: scores that are neither a finite number nor null stand in `bad`. */
export interface HostReply {
  /** Undefined in the first line, which says that the module was loaded. */
  readonly id?: number;
  readonly scores?: readonly (number | null)[];
  readonly bad?: readonly (readonly [row: number, found: string])[];
  readonly error?: {
    /** Of its class. */
    readonly name?: string;
    readonly message: string;
    readonly row?: number;
  };
}

type Reward = (batch: HostRequest["batch"]) => unknown;

/**
 * Says on standard error, in a line with `secret`, that this process holds more than `limit` bytes. From a thread of
 * its own, since the user's code may never give up the first one, and by what the process says of itself, since
 * Deno lets no process with scoped permissions read `/proc`.
 */
export function watchMemory(limit: number, secret: string): Worker {
  const source = `
    import { writeSync } from "node:fs";
    import process from "node:process";
    setInterval(() => {
      if (process.memoryUsage.rss() > ${limit}) writeSync(2, ${JSON.stringify(`\n${secret}\n`)});
    }, ${WATCH_MS});`;
  return new Worker(`data:text/javascript,${encodeURIComponent(source)}`, { type: "module" });
}

/** Serves the function that a module exports under `name`, until standard input ends. */
export async function serve(
  module: Readonly<Record<string, unknown>>,
  name: string,
  secret: string,
): Promise<void> {
  const write = process.stdout.write.bind(process.stdout);
  const reply = (answer: HostReply) => write(`${secret}${JSON.stringify(answer)}\n`);
  // What the user prints is for people.
  console.log = console.info = console.debug = console.error;
  const found = module[name];
  if (typeof found !== "function") {
    const names = Object.keys(module).join(", ") || "nothing";
    return void reply({
      error: { message: `the module exports no function "${name}"; it exports ${names}` },
    });
  }
  reply({});
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, batch } = JSON.parse(line) as HostRequest;
    reply({ id, ...await answer(found as Reward, batch) });
  }
}

async function answer(reward: Reward, batch: HostRequest["batch"]): Promise<HostReply> {
  const count = batch["prompts"]!.length;
  try {
    return described(await reward(batch), count);
  } catch (error) {
    const row = await firstThatThrows(reward, batch);
    const name = error instanceof Error ? error.name : "Error";
    return { error: { name, message: textOf(error), ...(row === undefined ? {} : { row }) } };
  }
}

function described(scores: unknown, count: number): HostReply {
  if (!Array.isArray(scores) && !ArrayBuffer.isView(scores)) {
    return { error: { message: `expected a list of ${count} scores, got ${typeof scores}` } };
  }
  const list = Array.from(scores as ArrayLike<unknown>);
  const bad = list.flatMap((score, row) =>
    score === null || (typeof score === "number" && Number.isFinite(score))
      ? []
      : [[row, typeof score === "number" ? String(score) : typeof score] as const]
  );
  return { scores: list.map((score) => (typeof score === "number" ? score : null)), bad };
}

/** Only to name it: scores of rows alone are never used. */
async function firstThatThrows(
  reward: Reward,
  batch: HostRequest["batch"],
): Promise<number | undefined> {
  const count = batch["prompts"]!.length;
  for (let row = 0; row < count; row++) {
    const one = Object.fromEntries(
      Object.entries(batch).map(([name, list]) => [name, list.slice(row, row + 1)]),
    );
    try {
      await reward(one);
    } catch {
      return row;
    }
  }
  return undefined;
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
