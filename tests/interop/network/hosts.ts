import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** A network namespace, which stands for a machine. */
export interface Host {
  readonly namespace: string;
  readonly address: string;
}

/** Why network namespaces cannot be had here; undefined where they can. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const probe = `dcm${process.pid}p`;
  try {
    ip("netns", "add", probe);
    try {
      execFileSync("ip", ["netns", "exec", probe, "nft", "add", "table", "inet", "probe"]);
    } finally {
      ip("netns", "delete", probe);
    }
  } catch (error) {
    return `ip netns and nft are needed (packages iproute2 and nftables): ${
      (error as Error).message
    }`;
  }
  return undefined;
}

/**
 * Machines on one switch: network namespaces with an address each, and this process as one of them. Names are
 * resolved through each machine's own hosts file, which can change at any time.
 */
export class Network implements Disposable {
  static #made = 0;
  readonly #number = Network.#made++;
  /** Of this network alone: the kernel frees the names of one that is gone a little later. */
  readonly #prefix = `dcm${process.pid}${"abcdefgh"[this.#number % 8]}`;
  readonly #subnet = `10.77.${(process.pid + 25 * this.#number) % 250}`;
  readonly #switch = `${this.#prefix}s`;
  #count = 0;

  constructor() {
    ip("netns", "add", this.#switch);
    ip("-n", this.#switch, "link", "add", "br0", "type", "bridge");
    ip("-n", this.#switch, "link", "set", "br0", "up");
    const own = `${this.#prefix}r`;
    ip("link", "add", own, "type", "veth", "peer", "name", "root", "netns", this.#switch);
    ip("-n", this.#switch, "link", "set", "root", "master", "br0", "up");
    ip("address", "add", `${this.#subnet}.254/24`, "dev", own);
    ip("link", "set", own, "up");
  }

  /** Adds a machine. */
  host(): Host {
    const number = ++this.#count;
    const namespace = `${this.#prefix}h${number}`;
    const address = `${this.#subnet}.${number}`;
    const port = `port${number}`;
    ip("netns", "add", namespace);
    ip("-n", namespace, "link", "set", "lo", "up");
    ip("-n", namespace, ...["link", "add", "eth0", "type", "veth"], ...["peer", "name", port], ...[
      "netns",
      this.#switch,
    ]);
    ip("-n", this.#switch, "link", "set", port, "master", "br0", "up");
    ip("-n", namespace, "address", "add", `${address}/24`, "dev", "eth0");
    ip("-n", namespace, "link", "set", "eth0", "up");
    mkdirSync(this.#etc(namespace), { recursive: true });
    this.name({ namespace, address }, {});
    return { namespace, address };
  }

  /** What names stand for, on one machine, from now on. Its file is written in place: it is mounted there. */
  name({ namespace }: Host, names: Readonly<Record<string, readonly string[]>>): void {
    const lines = Object.entries(names).flatMap(([name, all]) =>
      all.map((one) => `${one} ${name}`)
    );
    writeFileSync(
      join(this.#etc(namespace), "hosts"),
      ["127.0.0.1 localhost", ...lines, ""].join("\n"),
    );
  }

  /** Drops a share of what a machine receives and sends, in percent; 100 cuts its link without a word. */
  drop({ namespace }: Host, percent: number): void {
    const some = percent < 100 ? `numgen random mod 100 < ${percent} drop` : "drop";
    const rules = [
      "add table inet fault",
      "flush table inet fault",
      "add chain inet fault in { type filter hook input priority 0; policy accept; }",
      "add chain inet fault out { type filter hook output priority 0; policy accept; }",
      ...(percent > 0
        ? [
          `add rule inet fault in iifname eth0 ${some}`,
          `add rule inet fault out oifname eth0 ${some}`,
        ]
        : []),
    ];
    execFileSync("ip", ["netns", "exec", namespace, "nft", rules.join("; ")]);
  }

  [Symbol.dispose](): void {
    for (let number = 1; number <= this.#count; number++) {
      const namespace = `${this.#prefix}h${number}`;
      ip("netns", "delete", namespace);
      rmSync(this.#etc(namespace), { recursive: true, force: true });
    }
    ip("link", "delete", `${this.#prefix}r`);
    ip("netns", "delete", this.#switch);
  }

  #etc(namespace: string): string {
    return join("/etc/netns", namespace);
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
}
