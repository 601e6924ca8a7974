import { Format, Presets, SingleBar } from "cli-progress";
import process from "node:process";

/** Shows how far long work is: a bar on a terminal, a plain line now and then elsewhere. */
export interface Progress {
  /** @param details shown behind the bar, as `reward 1.25  kl 0.4` */
  update(done: number, details: string): void;
  /** A line above the bar. */
  say(line: string): void;
  stop(): void;
}

/** Seconds between two plain lines. */
const PLAIN_INTERVAL = 5;

/** Seconds as `1:05` or `2:03:04`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/**
 * Progress of `total` units of work called `title`; written to standard error.
 *
 * @param from units that were done before, by a run that continues
 */
export function startProgress(title: string, total: number, from = 0): Progress {
  const started = Date.now();
  const left = (done: number): string =>
    done > from ? clock((Date.now() - started) / 1000 / (done - from) * (total - done)) : "-";
  return process.stderr.isTTY ? bar(title, total, from, left) : plainLines(title, total, left);
}

/** Time that the rest takes, once `done` units are done. */
type Left = (done: number) => string;

function bar(title: string, total: number, from: number, left: Left): Progress {
  const single = new SingleBar({
    format: `${title} {bar} {value}/{total}  left {left}  {details}`,
    formatBar: Format.BarFormat,
    hideCursor: true,
    fps: 5,
    stream: process.stderr,
  }, Presets.shades_classic);
  single.start(total, from, { left: "-", details: "" });
  return {
    update(done, details) {
      single.update(done, { left: left(done), details });
    },
    say(line) {
      process.stderr.write(`\r\x1b[K${line}\n`);
    },
    stop: () => single.stop(),
  };
}

function plainLines(title: string, total: number, left: Left): Progress {
  const started = Date.now();
  let last = -Infinity;
  return {
    update(done, details) {
      const elapsed = (Date.now() - started) / 1000;
      if (elapsed - last < PLAIN_INTERVAL && done < total) return;
      last = elapsed;
      console.error(`${title} ${done}/${total}  left ${left(done)}  ${details}`);
    },
    say: (line) => console.error(line),
    stop() {},
  };
}
