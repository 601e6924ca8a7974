import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { inContext, readDockerfile, root } from "../deploy/dockerfile.ts";

const { stages } = readDockerfile();
const build = stages.find(({ name }) => name === "build")!;

/** What the Dockerfile's build stage makes, in a folder that stands for /app: its COPYs and RUNs as they are written. */
function buildIn(app: string): void {
  const env = { ...process.env, DENO_DIR: join(app, ".deno"), NO_COLOR: "1" };
  for (const { keyword, args, flags, text } of build.instructions) {
    if (keyword === "COPY" && flags["from"] === undefined) {
      const target = args.at(-1)!;
      for (const path of args.slice(0, -1)) {
        const to = target === "./" ? join(app, path) : join(app, target);
        mkdirSync(dirname(to), { recursive: true });
        const filter = (from: string) => {
          const inside = from.slice(root.length).replace(/^\/+/, "");
          return statSync(from).isDirectory()
            ? !inside.includes("node_modules")
            : inContext(inside);
        };
        cpSync(join(root, path), to, { recursive: true, filter });
      }
    }
    if (keyword === "RUN") execFileSync("sh", ["-ec", text], { cwd: app, env, stdio: "pipe" });
  }
}

/** All files and when they were changed. */
function snapshot(folder: string): Map<string, number> {
  return new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
      const { mtimeMs } = statSync(join(folder, name), { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
      return [name, mtimeMs];
    }),
  );
}

Deno.test("image: what the Dockerfile builds serves, with scoped permissions, writing nothing of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "decorum-image-"));
  try {
    const app = join(folder, "app");
    mkdirSync(app);
    buildIn(app);
    assert.ok(!existsSync(join(app, ".deno", "npm")) && !existsSync(join(app, "tests")));
    const sbom = JSON.parse(readFileSync(join(app, "sbom.cdx.json"), "utf8"));
    assert.equal(sbom.bomFormat, "CycloneDX");

    const wrapper = join(folder, "decorum");
    const script = readFileSync(join(root, "deploy/images/decorum.sh"), "utf8");
    writeFileSync(wrapper, script.replaceAll("/app/", `${app}/`));
    chmodSync(wrapper, 0o755);
    const home = join(folder, "home");
    mkdirSync(home);
    const env = {
      PATH: process.env["PATH"]!,
      DENO_DIR: join(app, ".deno"),
      DENO_NO_UPDATE_CHECK: "1",
      HOME: home,
      NO_COLOR: "1",
    };
    const run = (...args: string[]) => execFileSync(wrapper, args, { cwd: app, env }).toString();
    // What Deno notes about the files that it has compiled is settled by the first start.
    assert.match(run("--version"), /^\d+\.\d+\.\d+$/m);

    const config = join(folder, "config.yaml");
    writeFileSync(
      config,
      `reward: { listen: "127.0.0.1:0", metrics_listen: "127.0.0.1:0", model: ${
        join(app, "demo/models/reward")
      }, threads: 1 }\n`,
    );
    const before = snapshot(app);
    const child = spawn(wrapper, ["serve", "reward", "--config", config], { cwd: app, env });
    const errors: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
    const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
    const ready = new Promise<string>((resolve) =>
      createInterface({ input: child.stdout }).on("line", resolve)
    );
    const first = await Promise.race([ready, exit]);
    assert.match(String(first), /^ready reward 127/, errors.join("\n"));
    const command = readFileSync(`/proc/${child.pid}/cmdline`, "utf8").split("\0");
    assert.ok(command.includes("--no-prompt") && !command.includes("-A"), command.join(" "));
    process.kill(child.pid!, "SIGTERM");
    assert.equal(await exit, 0, errors.join("\n"));
    const changed = [...snapshot(app)].filter(([name, time]) => before.get(name) !== time)
      .map(([name]) => name)
      // Deno's own notes, and the folder in which it takes a lock where it may: without the right to, it continues.
      .filter((name) => !name.startsWith(".deno") && name !== "node_modules/.deno");
    assert.deepEqual(changed, []);
    // Wrong settings are exit code 2, as the Job's podFailurePolicy expects.
    writeFileSync(config, "reward: { listen: nowhere }\n");
    assert.throws(() => run("serve", "reward", "--config", config), { status: 2 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
