import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chores, layers } from "./layer_table.ts";
import plugin from "./layers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the plugin says of one line of source in a file, as `rule: message`. */
function said(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, join(root, file), source)
    .map(({ id, message }) => `${id}: ${message}`);
}

/** [file, source, part of the message; "" when nothing is wrong] */
type Case = readonly [file: string, source: string, message: string];

function check(cases: readonly Case[]): void {
  for (const [file, source, expected] of cases) {
    const found = said(file, source);
    if (expected === "") assert.deepEqual(found, [], `${file}: ${source}`);
    else {
      assert.equal(found.length, 1, `${file}: ${source}\n${found.join("\n")}`);
      assert.ok(found[0]?.includes(expected), `${file}: ${source}\n${found[0]}`);
    }
  }
}

const from = (specifier: string) => `import { x } from "${specifier}";`;

Deno.test("a package imports only packages above it", () => {
  check([
    ["packages/onnx/graph.ts", from("@decorum/tensor"), ""],
    ["packages/tensor/tensor.ts", from("@decorum/onnx"), "packages/onnx is below it"],
    ["packages/onnx/graph.ts", from("@decorum/runtime"), "packages/runtime is below it"],
    ["packages/algorithms/kl.ts", from("@decorum/optim"), ""],
    ["packages/optim/adam.ts", from("@decorum/algorithms"), "packages/algorithms is below it"],
    ["packages/learning/sft.ts", from("@decorum/generation"), ""],
    ["packages/rpc/server.ts", from("@decorum/telemetry"), ""],
    ["services/policy/main.ts", from("@decorum/rpc"), ""],
    ["cli/main.ts", from("@decorum/rpc"), ""],
    ["cli/main.ts", from("../services/policy/main.ts"), ""],
    ["cli/main.ts", from("../demo/corpus/mod.ts"), ""],
    ["demo/recipe/policy.ts", from("../corpus/mod.ts"), ""],
    ["packages/rpc/server.ts", from("../../services/policy/main.ts"), "services/policy is below"],
    ["packages/rpc/server.ts", from("../../cli/main.ts"), "cli is below it"],
    ["services/policy/main.ts", from("../../cli/main.ts"), "cli is below it"],
  ]);
});

Deno.test("every form of import is judged", () => {
  check([
    ["packages/tensor/a.ts", `export { x } from "@decorum/onnx";`, "is below it"],
    ["packages/tensor/a.ts", `export * from "@decorum/onnx";`, "is below it"],
    ["packages/tensor/a.ts", `export const x = 1;`, ""],
    ["packages/tensor/a.ts", `import type { X } from "@decorum/onnx";`, "is below it"],
    ["packages/tensor/a.ts", `const x = await import("@decorum/onnx");`, "is below it"],
    ["packages/tensor/a.ts", `type X = import("@decorum/onnx").X;`, "is below it"],
    ["packages/tensor/a.ts", `import "@decorum/onnx";`, "is below it"],
    ["packages/tensor/a.ts", `const x = require("onnxruntime-node");`, "only packages/runtime"],
    ["packages/tensor/a.ts", `const x = require.resolve("onnxruntime-node");`, ""],
  ]);
});

Deno.test("nothing reaches into a package, and no package goes through its own name", () => {
  check([
    ["packages/onnx/ops/shape.ts", from("../graph.ts"), ""],
    ["packages/onnx/graph.ts", from("../tensor/tensor.ts"), "a file inside packages/tensor"],
    ["packages/onnx/graph.ts", from("../tensor/mod.ts"), "a file inside packages/tensor"],
    ["packages/onnx/graph.ts", from("@decorum/tensor/half.ts"), "a file inside packages/tensor"],
    ["tools/golden/run.ts", from("../../packages/tensor/mod.ts"), "a file inside packages/tensor"],
    ["packages/onnx/a_test.ts", from("../tensor/half.ts"), "a file inside packages/tensor"],
    ["packages/onnx/a_test.ts", from("@decorum/testing/folder"), ""],
    ["packages/onnx/testing/ort.ts", from("@decorum/testing/folder"), ""],
    ["services/policy/testing/a.ts", from("@decorum/testing/folder"), ""],
    ["bench/main.ts", from("@decorum/testing/folder"), ""],
    ["cli/main.ts", from("@decorum/testing/folder"), "only tests import packages/testing"],
    ["packages/onnx/graph.ts", from("@decorum/testing/folder"), "packages/testing is below it"],
    ["packages/onnx/a_test.ts", from("@decorum/tensor/testing"), "a file inside packages/tensor"],
    ["packages/onnx/graph.ts", from("@decorum/onnx"), "imports itself"],
    ["packages/onnx/graph.ts", from("@decorum/nowhere"), "the layer table has no such package"],
  ]);
});

Deno.test("only learning differentiates", () => {
  check([
    ["packages/learning/sft.ts", from("@decorum/autodiff"), ""],
    ["packages/algorithms/ppo.ts", from("@decorum/autodiff"), "only packages/learning"],
    ["packages/models/t5.ts", from("@decorum/autodiff"), "only packages/learning"],
    ["services/policy/main.ts", from("@decorum/autodiff"), "only packages/learning"],
    ["cli/train.ts", from("@decorum/autodiff"), "only packages/learning"],
    ["packages/models/t5_test.ts", from("@decorum/autodiff"), ""],
    ["tools/ops_doc.ts", from("@decorum/autodiff"), ""],
  ]);
});

Deno.test("onnxruntime-node and gRPC have one home each", () => {
  check([
    ["packages/runtime/worker.ts", from("onnxruntime-node"), ""],
    ["packages/models/t5.ts", from("onnxruntime-node"), "only packages/runtime imports it"],
    ["packages/models/t5.ts", from("npm:onnxruntime-node@1.30.0"), "only packages/runtime"],
    ["packages/models/t5.ts", from("onnxruntime-common"), "only packages/runtime imports it"],
    ["bench/main.ts", from("onnxruntime-node"), "only packages/runtime imports it"],
    ["packages/models/t5_test.ts", from("onnxruntime-node"), ""],
    ["packages/onnx/testing/ort.ts", from("onnxruntime-node"), ""],
    ["packages/rpc/server.ts", from("@grpc/grpc-js"), ""],
    ["services/policy/main.ts", from("@grpc/grpc-js"), "only packages/rpc imports it"],
    ["services/policy/main.ts", from("npm:/@grpc/grpc-js@1.14.7"), "only packages/rpc imports it"],
    ["services/policy/main_test.ts", from("@grpc/grpc-js"), "only packages/rpc imports it"],
    ["packages/models/t5.ts", from("onnxruntime-node-extras"), ""],
    ["packages/models/t5.ts", from("node:fs"), ""],
  ]);
});

Deno.test("services never import services, and nothing imports the chores", () => {
  check([
    ["services/policy/main.ts", from("./policy.ts"), ""],
    ["services/policy/main.ts", from("../reward/main.ts"), "a service never imports another"],
    ["services/trainer/loop.ts", from("../policy/main.ts"), "a service never imports another"],
    [
      "packages/onnx/graph.ts",
      from("../../tools/golden/case.ts"),
      "only bench, examples, tests and tools",
    ],
    ["cli/main.ts", from("../bench/main.ts"), "only bench, examples, tests and tools"],
    ["bench/main.ts", from("../tests/interop/python_env.ts"), ""],
    ["tests/system_test.ts", from("../services/policy/main.ts"), ""],
    ["packages/onnx/graph.ts", from("../../elsewhere/a.ts"), "in no row of the layer table"],
    ["elsewhere/a.ts", from("@decorum/tensor"), "elsewhere has code, but is in no row"],
    ["elsewhere/a.ts", "export const x = 1;", "elsewhere has code, but is in no row"],
  ]);
});

Deno.test("a message names the allowed imports", () => {
  const [found] = Deno.lint.runPlugin(
    plugin,
    join(root, "packages/models/a.ts"),
    from("@decorum/text"),
  );
  assert.equal(found?.id, "decorum/layers");
  assert.equal(
    found?.message,
    `packages/models imports "@decorum/text", but packages/text is below it in tools/lint/layer_table.ts`,
  );
  assert.equal(found?.hint, "packages/models may import @decorum/tensor, @decorum/onnx");
});

Deno.test("Deno.* stays in tests and entry points", () => {
  const portable = "decorum/portable: ";
  check([
    ["packages/text/lines.ts", "Deno.cwd();", `${portable}packages/text uses Deno.*`],
    ["packages/text/lines.ts", "let c: Deno.Conn;", `${portable}packages/text uses Deno.*`],
    ["packages/text/lines.ts", "globalThis.Deno;", `${portable}packages/text uses Deno.*`],
    ["packages/text/lines.ts", `throw new Error("Deno.cwd");`, ""],
    ["services/policy/main.ts", "Deno.exit(1);", `${portable}services/policy uses Deno.*`],
    ["packages/text/lines_test.ts", `Deno.test("a", () => {});`, ""],
    ["packages/onnx/testing/ort.ts", `Deno.test("a", () => {});`, ""],
    ["tools/lint/layers.ts", "let p: Deno.lint.Plugin;", ""],
    ["cli/main.ts", "Deno.args;", ""],
  ]);
});

Deno.test("every folder with code has a row, and every package is in the workspace", () => {
  const rows = new Set([...layers, ...chores].map((l) => l.folder));
  const { workspace } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const folders = (path: string) =>
    existsSync(join(root, path))
      ? readdirSync(join(root, path), { withFileTypes: true }).filter((e) => e.isDirectory())
        .map((e) => `${path}/${e.name}`)
      : [];
  for (const folder of folders("packages")) {
    assert.ok(rows.has(folder), `${folder} has no row in tools/lint/layer_table.ts`);
    assert.ok(workspace.includes(`./${folder}`), `${folder} is not in deno.json's workspace`);
  }
  for (const { folder } of layers) {
    if (!folder.startsWith("packages/") || folder === "packages/testing") continue;
    assert.ok(
      existsSync(join(root, folder, "mod.ts")),
      `${folder} of the layer table has no mod.ts`,
    );
  }
});
