import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bool, float32, int64, tensor } from "./test_tensors.ts";
import { createSession, readProfile, SessionWorker, WorkerDiedError } from "./mod.ts";

const model = (name: string) => ({
  path: new URL(`./testdata/${name}.onnx`, import.meta.url).pathname,
});
const threads = { intraOpThreads: 1 };

function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "decorum-runtime-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

Deno.test("a session names its inputs and outputs and computes what is fetched", async () => {
  await using session = await createSession(model("sum_product"), { ...threads, name: "sp" });
  assert.deepEqual(session.inputs[0], { name: "x", dtype: "float32", dims: ["n", 3] });
  assert.deepEqual(session.inputNames, ["x", "y"]);
  assert.deepEqual(session.outputNames, ["sum", "product"]);
  const x = float32([2, 3], [1, 2, 3, 4, 5, 6]);
  const y = float32([2, 3], [2, 2, 2, 3, 3, 3]);
  const both = await session.run({ x, y });
  assert.deepEqual(both["sum"], float32([2, 3], [3, 4, 5, 7, 8, 9]));
  assert.deepEqual(both["product"], float32([2, 3], [2, 4, 6, 12, 15, 18]));
  const { product, sum } = await session.run({ x, y }, ["product"]);
  assert.deepEqual([...product?.data ?? []], [2, 4, 6, 12, 15, 18]);
  assert.equal(sum, undefined);
  assert.equal(x.data.length, 6, "feeds stay the caller's");
});

Deno.test("a model may be given as bytes, a part of a larger buffer included", async () => {
  const file = readFileSync(model("sum_product").path);
  const padded = new Uint8Array(file.length + 10);
  padded.set(file, 5);
  const bytes = padded.subarray(5, 5 + file.length);
  await using session = await createSession({ bytes }, threads);
  const one = float32([1, 3], [1, 1, 1]);
  const { sum } = await session.run({ x: one, y: one });
  assert.deepEqual(sum, float32([1, 3], [2, 2, 2]));
  await assert.rejects(createSession({}), /either bytes or path/);
  await assert.rejects(createSession({ bytes, path: "x" }), /either bytes or path/);
});

Deno.test("every portable element type passes unchanged, half floats as bits", async () => {
  await using session = await createSession(model("every_type"), threads);
  const feeds = {
    float32: float32([2], [0.5, -1]),
    float64: tensor("float64", [2], Float64Array.of(Math.PI, -1)),
    float16: tensor("float16", [2], Uint16Array.of(0x3c00, 0xc100)), // 1, -2.5
    int8: tensor("int8", [2], Int8Array.of(-128, 127)),
    uint8: tensor("uint8", [2], Uint8Array.of(0, 255)),
    int32: tensor("int32", [2], Int32Array.of(-(2 ** 31), 7)),
    int64: int64([2], [-5, 9]),
    bool: bool([2], [true, false]),
  };
  const out = await session.run(feeds);
  for (const [name, given] of Object.entries(feeds)) assert.deepEqual(out[`${name}_out`], given);
  assert.deepEqual(out["float16_widened"], float32([2], [1, -2.5]));
});

Deno.test("a bfloat16 input is refused when the session is created", async () => {
  await assert.rejects(
    createSession(model("bfloat16_input"), { ...threads, name: "half" }),
    /Cannot create session "half".*bfloat16/,
  );
});

Deno.test("an empty tensor passes", async () => {
  await using session = await createSession(model("sum_product"), threads);
  const { sum } = await session.run({ x: float32([0, 3], []), y: float32([0, 3], []) });
  assert.deepEqual(sum, float32([0, 3], []));
});

Deno.test("transfer takes the feeds' storage, once for tensors that share it", async () => {
  await using session = await createSession(model("sum_product"), threads);
  const x = float32([1, 3], [1, 2, 3]);
  const { sum } = await session.run({ x, y: x }, undefined, { transfer: true });
  assert.deepEqual(sum, float32([1, 3], [2, 4, 6]));
  assert.equal(x.data.length, 0);
  const whole = Float32Array.of(9, 1, 2, 3, 9);
  const part = tensor("float32", [1, 3], whole.subarray(1, 4));
  const again = await session.run({ x: part, y: part }, undefined, { transfer: true });
  assert.deepEqual(again["sum"], float32([1, 3], [2, 4, 6]));
  assert.deepEqual([...whole], [9, 1, 2, 3, 9], "a part of a larger buffer is copied");
});

Deno.test("a feed is read when run is called, not when its turn comes", async () => {
  await using session = await createSession(model("sum_product"), threads);
  const x = float32([1, 3], [1, 1, 1]);
  const y = float32([1, 3], [0, 0, 0]);
  const runs = Array.from({ length: 5 }, (_, i) => {
    x.data.fill(i);
    return session.run({ x, y }, ["sum"]);
  });
  const results = await Promise.all(runs);
  assert.deepEqual(results.map((r) => r["sum"]?.data[0]), [0, 1, 2, 3, 4]);
});

Deno.test("feeds that do not fit are refused by name, found and expected", async () => {
  await using session = await createSession(model("sum_product"), { ...threads, name: "sp" });
  const good = float32([1, 3], [1, 2, 3]);
  const refused = async (feeds: Parameters<typeof session.run>[0], message: RegExp) =>
    await assert.rejects(
      session.run(feeds),
      (e) => e instanceof TypeError && message.test(e.message),
    );
  await refused({ x: good }, /session "sp": missing inputs: "y"; unknown inputs: none/);
  await refused({ x: good, y: good, z: good }, /unknown inputs: "z"; it takes "x", "y"/);
  await refused(
    { x: good, y: int64([1, 3], [1, 2, 3]) },
    /"y" is int64\[1, 3\], expected float32\[n, 3\]/,
  );
  await refused(
    { x: good, y: float32([3], [1, 2, 3]) },
    /"y" is float32\[3\], expected float32\[n, 3\]/,
  );
  await refused({ x: good, y: float32([1, 2], [1, 2]) }, /"y" is float32\[1, 2\]/);
  await refused(
    { x: good, y: { dtype: "float32", dims: [1, 3], data: new Float32Array(2) } },
    /"y" holds 2 elements in a Float32Array, expected 3/,
  );
  await refused(
    { x: good, y: { dtype: "float32", dims: [1, 3], data: new Int32Array(3) as never } },
    /in a Int32Array, expected 3 in a Float32Array/,
  );
  await assert.rejects(
    session.run({ x: good, y: good }, ["sum", "quotient"]),
    /Cannot fetch "quotient" from session "sp": it gives "sum", "product"/,
  );
  assert.equal((await session.run({ x: good, y: good }))["sum"]?.data[0], 2, "still usable");
});

Deno.test("a failing run is an error with onnxruntime's words, and the session goes on", async () => {
  await using session = await createSession(model("square_of_four"), { ...threads, name: "sq" });
  await assert.rejects(
    session.run({ x: float32([3], [1, 2, 3]) }),
    /Cannot run session "sq": .*Reshape/s,
  );
  const { y } = await session.run({ x: float32([4], [1, 2, 3, 4]) });
  assert.deepEqual(y?.dims, [2, 2]);
});

Deno.test("a model that is none is an error that names the session", async () => {
  await assert.rejects(
    createSession({ bytes: Uint8Array.of(1, 2, 3) }, { name: "broken" }),
    /Cannot create session "broken": /,
  );
  await assert.rejects(createSession({ path: "/nowhere/m.onnx" }), /nowhere\/m\.onnx/);
});

/** Runs that take long enough to watch, but not long. */
const slowFeeds = (steps: number) => ({ steps: int64([], [steps]), start: float32([], [1]) });

Deno.test("the event loop turns while a model runs", async () => {
  await using session = await createSession(model("slow"), threads);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const begin = performance.now();
  const { total } = await session.run(slowFeeds(600), ["total"]);
  const ms = performance.now() - begin;
  clearInterval(timer);
  assert.equal(total?.data[0], 192 * 192);
  assert.ok(ms > 50, `the run took only ${ms} ms, too short to tell`);
  assert.ok(ticks > ms / 5 / 4, `${ticks} ticks in ${ms} ms`);
});

Deno.test("runs in one worker are queued, first come, first served", async () => {
  using worker = new SessionWorker();
  await using a = await createSession(model("slow"), threads, worker);
  await using b = await createSession(model("sum_product"), threads, worker);
  const order: string[] = [];
  const one = float32([1, 3], [1, 1, 1]);
  await Promise.all([
    a.run(slowFeeds(100)).then(() => order.push("slow")),
    b.run({ x: one, y: one }).then(() => order.push("quick")),
    a.run(slowFeeds(1)).then(() => order.push("last")),
  ]);
  assert.deepEqual(order, ["slow", "quick", "last"]);
  await a.release();
  assert.equal((await b.run({ x: one, y: one }))["sum"]?.data[0], 2, "the other session stays");
});

Deno.test("sessions in workers of their own run at the same time", async () => {
  await using a = await createSession(model("slow"), threads);
  await using b = await createSession(model("sum_product"), threads);
  const order: string[] = [];
  const one = float32([1, 3], [1, 1, 1]);
  await Promise.all([
    a.run(slowFeeds(600)).then(() => order.push("slow")),
    b.run({ x: one, y: one }).then(() => order.push("quick")),
  ]);
  assert.deepEqual(order, ["quick", "slow"]);
});

Deno.test("abort drops a run that waits and abandons one that runs", async () => {
  await using session = await createSession(model("slow"), threads);
  const running = new AbortController();
  const waiting = new AbortController();
  const begin = performance.now();
  const first = session.run(slowFeeds(600), ["total"], { signal: running.signal });
  const second = session.run(slowFeeds(100_000), ["total"], { signal: waiting.signal });
  const third = session.run(slowFeeds(1), ["total"]);
  waiting.abort(new Error("changed my mind"));
  running.abort(new Error("too slow"));
  await assert.rejects(first, { message: "too slow" });
  await assert.rejects(second, /changed my mind/);
  const abandoned = performance.now() - begin;
  assert.equal((await third)["total"]?.data[0], 192 * 192);
  assert.ok(abandoned < (performance.now() - begin) / 2, "rejected before the run was over");
  await assert.rejects(
    session.run(slowFeeds(1), undefined, { signal: AbortSignal.abort(new Error("before")) }),
    /before/,
  );
});

Deno.test("a worker that dies fails the running, the waiting and every later call", async () => {
  const worker = new SessionWorker();
  const session = await createSession(model("slow"), threads, worker);
  const crash = assert.rejects(worker.call<"crash">({ kind: "crash" }), WorkerDiedError);
  const waiting = assert.rejects(session.run(slowFeeds(1)), /crashed on request/);
  await Promise.all([crash, waiting]);
  assert.equal(worker.alive, false);
  await assert.rejects(session.run(slowFeeds(1)), WorkerDiedError);
  await assert.rejects(createSession(model("slow"), threads, worker), WorkerDiedError);
  await session.release();
});

Deno.test("terminating a worker fails what runs in it", async () => {
  const worker = new SessionWorker();
  const session = await createSession(model("slow"), threads, worker);
  const running = assert.rejects(session.run(slowFeeds(200)), /it was terminated/);
  setTimeout(() => worker.terminate(), 20);
  await running;
  worker.terminate();
});

Deno.test("results outlive the session and its worker", async () => {
  const session = await createSession(model("sum_product"), threads);
  const n = 100_000;
  const x = tensor("float32", [n, 3], new Float32Array(3 * n).fill(2));
  const { sum } = await session.run({ x, y: x }, ["sum"]);
  await session.release();
  await new Promise((done) => setTimeout(done, 50));
  assert.ok(sum?.data.every((v) => v === 4));
});

Deno.test("release waits for runs, works twice, and ends use", async () => {
  const session = await createSession(model("slow"), { ...threads, name: "once" });
  const run = session.run(slowFeeds(50), ["total"]);
  await Promise.all([session.release(), session.release()]);
  assert.equal((await run)["total"]?.data[0], 192 * 192);
  await session.release();
  await assert.rejects(session.run(slowFeeds(1)), /Cannot use session "once": it was released/);
});

/** `bytes` of padding, then the values: offsets that are no multiple of four. */
function weightFile(padding: number, ...values: number[]): Uint8Array {
  const bytes = new Uint8Array(padding + 4 * values.length);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), padding);
  return bytes;
}

Deno.test("external data is used where it lies: two files, a branch body, links, odd offsets", async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "blobs"));
  mkdirSync(join(folder.path, "snapshot"));
  const first = join(folder.path, "blobs", "0123");
  const second = join(folder.path, "other.bin");
  writeFileSync(first, weightFile(11, 1, 2, 3, 4, 5, 6, 10, 20, 30));
  writeFileSync(second, weightFile(5, 2, 3, 4));
  // As in Hugging Face's cache: the name is a link to a blob named by its hash.
  const link = join(folder.path, "snapshot", "first.safetensors");
  symlinkSync(join("..", "blobs", "0123"), link);
  const externalData = { "first.safetensors": link, "second.safetensors": second };
  const x = float32([1, 2], [1, 1]);
  for (const { path } of [model("external")]) {
    for (const source of [{ path }, { bytes: readFileSync(path) }]) {
      await using session = await createSession({ ...source, externalData }, threads);
      const off = await session.run({ x, use_scale: bool([], [false]) });
      assert.deepEqual(off["y"], float32([1, 3], [15, 27, 39]));
      const on = await session.run({ x, use_scale: bool([], [true]) });
      assert.deepEqual(on["y"], float32([1, 3], [30, 81, 156]));
    }
  }
});

Deno.test("external data that is missing is named", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "w");
  writeFileSync(file, weightFile(11, 1, 2, 3, 4, 5, 6, 10, 20, 30));
  await assert.rejects(
    createSession({ ...model("external"), externalData: { "first.safetensors": file } }, {
      name: "e",
    }),
    /session "e": the model has external data "second.safetensors", files are given only for "first/,
  );
  await assert.rejects(
    createSession({
      ...model("external"),
      externalData: { "first.safetensors": join(folder.path, "no") },
    }),
    /cannot open ".*no", given for external data "first.safetensors"/,
  );
  const externalData = {
    "first.safetensors": file,
    "second.safetensors": join(folder.path, "short"),
  };
  writeFileSync(externalData["second.safetensors"], weightFile(5, 2));
  await assert.rejects(
    createSession({ ...model("external"), externalData }),
    /Cannot create session/,
  );
});

Deno.test("cuda without its libraries is an error that names them, before anything is loaded", async () => {
  await assert.rejects(
    createSession(model("slow"), { executionProvider: "cuda", name: "gpu" }),
    (error) =>
      error instanceof Error &&
      /Cannot create session "gpu": execution provider "cuda" cannot be loaded/.test(
        error.message,
      ) &&
      error.message.includes("libonnxruntime_providers_cuda.so"),
  );
});

Deno.test("a profile tells the time of each operator, loop bodies counted once", async () => {
  using folder = temporaryFolder();
  const profilePrefix = join(folder.path, "trace");
  await using session = await createSession(model("slow"), { ...threads, profilePrefix });
  await session.run(slowFeeds(20));
  await session.run(slowFeeds(20));
  const path = await session.endProfiling();
  assert.ok(path.startsWith(`${profilePrefix}_`));
  const profile = readProfile(path);
  assert.equal(profile.runs, 2);
  assert.equal(profile.ops.find((o) => o.op === "MatMul")?.calls, 40);
  assert.equal(profile.ops[0]?.op, "MatMul");
  assert.ok(profile.kernelMs <= profile.wallMs, `${profile.kernelMs} in ${profile.wallMs}`);
  const shares = profile.ops.reduce((sum, o) => sum + o.share, 0);
  assert.ok(Math.abs(shares - 1) < 1e-9);
  assert.deepEqual(Object.keys(profile.callsByProvider), ["CPUExecutionProvider"]);
  await using plain = await createSession(model("slow"), threads);
  await assert.rejects(plain.endProfiling(), /created without profilePrefix/);
});
