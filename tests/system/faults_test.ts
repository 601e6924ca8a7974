import assert from "node:assert/strict";
import {
  createClient,
  type RpcClient,
  RpcError,
  trainerService,
  type trainerV1,
} from "@decorum/rpc";
import { serviceProgram } from "../../cli/services.ts";
import { Supervisor } from "../../cli/supervisor.ts";
import { type Decorum, gone, servicesOf, startDecorum } from "@decorum/testing/decorum";
import { freeAddress } from "@decorum/testing/ports";
import { STEPS, System } from "./testing/system.ts";

/** Runs a command that must fail. @returns its standard error */
async function fails(expected: number, args: readonly string[]): Promise<string> {
  await using running = startDecorum(args);
  const { code, stderr } = await running.ended;
  assert.equal(code, expected, stderr);
  assert.doesNotMatch(stderr, /^\s+at /m, "no stack");
  return stderr;
}

Deno.test("a bad configuration: everything that is wrong, at once", async () => {
  using system = await System.make();
  const set = [
    "policy.threads=many",
    "policy.limits.max_prompts=0",
    "reward.model=null",
    "evaluator.toxicity.threshold=1",
    "trainer.ppo.step=3",
    "trainer.ppo.learning_rate=-1",
    "telemetry.log_level=loud",
    "polcy.threads=1",
  ];
  for (const command of ["up", "train"]) {
    const stderr = await fails(2, [command, "--config", system.config, "--set", ...set]);
    for (
      const problem of [
        /^The configuration has 8 problems:$/m,
        /polcy is unknown: the nearest name is policy/,
        /policy\.threads is "many"/,
        /policy\.limits\.max_prompts is 0/,
        /reward\.model is null/,
        /evaluator\.toxicity\.threshold is unknown/,
        /trainer\.ppo\.step is unknown/,
        /trainer\.ppo\.learning_rate is -1/,
        /telemetry\.log_level is "loud"/,
      ]
    ) assert.match(stderr, problem);
  }
});

Deno.test("a folder that cannot be written is named, with what to look at", async () => {
  for (const command of ["demo", "certs"]) {
    const stderr = await fails(1, [command, "--out", "/dev/null/x"]);
    assert.match(
      stderr,
      /^Cannot use \/dev\/null\/x: E\w+.*; is there such a folder, may this user/m,
    );
  }
});

Deno.test("no such file, no such label, and a port that is in use", async () => {
  using system = await System.make();
  const serve = ["serve", "reward", "--config"];
  assert.match(
    await fails(2, [...serve, system.path("none.yaml")]),
    /none\.yaml: there is no such file/,
  );
  const label = await fails(2, [...serve, system.config, "--set", "reward.label=rude"]);
  assert.match(label, /reward\.label is "rude": expected a label of .*"nothate", "hate"/);
  const judged = await fails(2, [
    ...["serve", "evaluator", "--config", system.config, "--set"],
    "evaluator.toxicity={model: demo/models/reward, label: rude}",
  ]);
  assert.match(judged, /evaluator\.toxicity\.label is "rude": expected a label of/);
  assert.match(await fails(2, ["train"]), /--address and --config are missing/);
  await using first = startDecorum([...serve, system.config]);
  await first.said(/^ready reward/m);
  const taken = await fails(1, [...serve, system.config]);
  assert.match(taken, new RegExp(`Cannot .*${system.addresses.reward}.*EADDRINUSE`));
  first.kill("SIGTERM");
  assert.equal((await first.ended).code, 0);
});

/** A trainer as a process, and what is asked of it. */
class TrainerProcess implements AsyncDisposable {
  readonly client: RpcClient<typeof trainerService>;

  private constructor(readonly process: Decorum, address: string) {
    this.client = createClient(trainerService, { address });
  }

  /** @param shell what a shell does before, as to limit the length of files */
  static async start(system: System, shell?: string): Promise<TrainerProcess> {
    const args = ["serve", "trainer", "--config", system.config];
    const process = startDecorum(args, shell === undefined ? {} : { shell });
    await process.said(/^ready trainer/m);
    return new TrainerProcess(process, system.addresses.trainer);
  }

  async refuses(config: unknown, message: RegExp): Promise<void> {
    const configJson = JSON.stringify(config);
    await assert.rejects(this.client.startRun({ runId: "refused", configJson }), (error) => {
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, message);
      return true;
    });
  }

  /** Starts a run and waits for its end. */
  async run(request: trainerV1.StartRunRequest): Promise<trainerV1.Run__Output> {
    const { run } = await this.client.startRun(request);
    const { runId } = run!;
    for await (const { state } of this.client.watchMetrics({ runId })) {
      if (state !== "RUN_STATE_STARTING" && state !== "RUN_STATE_RUNNING") break;
    }
    return (await this.client.getRun({ runId })).run!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.process.kill("SIGTERM");
    assert.equal((await this.process.ended).code, 0, this.process.output());
  }
}

Deno.test("runs that cannot be: each a clear error, and nothing is lost", async (t) => {
  const lora = { r: 16, lora_alpha: 32, lora_dropout: 0, target_modules: ["q", "v"] };
  using system = await System.make({
    model: { lora },
    trainer: { evaluate: { every_steps: 0, prompts: 8 } },
  });
  const supervisor = new Supervisor({ onLine: () => {} });
  try {
    for (const name of ["policy", "reward"] as const) {
      await supervisor.start(serviceProgram(name, { config: system.config }));
    }
    await t.step("data and configurations of runs", async () => {
      await using trainer = await TrainerProcess.start(system);
      const empty = system.write("empty.jsonl", "");
      await trainer.refuses({ data: { train: empty } }, /empty\.jsonl.*no rows/);
      await trainer.refuses({ data: { train: system.path("none.csv") } }, /none\.csv/);
      await trainer.refuses(
        { data: { max_prompt_tokens: 8, over_length: "error" } },
        /prompts? .*over 8 tokens.*data\.max_prompt_tokens/,
      );
      const several = { ppo: { steps: -1, cliprange: "wide" }, seed: "s" };
      await trainer.refuses(several, /steps.*\n.*cliprange.*\n.*seed/);
      const configJson = JSON.stringify({ reward_label: "rude" });
      const { state, message } = await trainer.run({ runId: "label", configJson });
      assert.equal(state, "RUN_STATE_FAILED");
      assert.match(message, /no label "rude"; it has "nothate", "hate"/);
      assert.equal(system.recorded("refused").state, "none");
    });
    await t.step("a disk that is full at a checkpoint", async () => {
      const run = async (runId: string, resume: boolean, shell?: string) => {
        await using trainer = await TrainerProcess.start(system, shell);
        const found = await trainer.run({ runId, resume });
        return { ...found, log: trainer.process.output() };
      };
      // No file may be longer than 165 KiB: until the first checkpoint the database's log has 125, the optimizer's state 204.
      const full = await run("r", false, "trap '' XFSZ; ulimit -f 165");
      assert.equal(full.state, "RUN_STATE_FAILED");
      assert.match(full.message, /checkpoint.*(EFBIG|File too large)/);
      // Room for the beginning and a step or two, of 30 to 40 KiB each; not for all of them up to a checkpoint.
      const stuck = await run("r", true, "trap '' XFSZ; ulimit -f 90");
      // Whether a few bytes are left to record its end is chance: without, it is as if the trainer had been killed.
      assert.match(stuck.state, /^RUN_STATE_(FAILED|INTERRUPTED)$/);
      assert.match(stuck.log, /Cannot write .*decorum\.db: /);
      const resumed = await run("r", true);
      assert.equal(resumed.state, "RUN_STATE_SUCCEEDED", resumed.message);
      assert.equal(resumed.step, STEPS);
      const whole = await run("whole", false);
      assert.equal(whole.state, "RUN_STATE_SUCCEEDED", whole.message);
      assert.deepEqual(system.recorded("r").metrics, system.recorded("whole").metrics);
      assert.deepEqual(system.adapter("r"), system.adapter("whole"));
    });
  } finally {
    await supervisor.stop();
  }
});

Deno.test("a service that cannot be reached is waited for, and Ctrl-C ends the wait", async () => {
  using system = await System.make();
  const nobody = await freeAddress();
  const args = ["train", "--config", system.config, "--run-id", "r"];
  await using train = startDecorum([...args, "--verbose", "--set", `trainer.reward=${nobody}`]);
  await train.said(new RegExp(`waiting for reward ${nobody}.*UNAVAILABLE`));
  const services = servicesOf(train.pid);
  train.killGroup("SIGINT");
  assert.equal((await train.ended).code, 130);
  await gone(services.values());
  assert.equal(system.recorded("r").state, "INTERRUPTED");
});
