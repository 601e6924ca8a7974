import assert from "node:assert/strict";
import { validate } from "dockerfile-utils";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { inContext, readDockerfile, root } from "./dockerfile.ts";

const { stages, args, text } = readDockerfile();
const stage = (name: string) => stages.find((one) => one.name === name)!;
const { imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
  imports: Record<string, string>;
};

Deno.test("Dockerfile: the linter finds nothing", () => {
  assert.deepEqual(
    validate(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`),
    [],
  );
});

Deno.test("Dockerfile: base images are arguments with a tag, none is latest, Deno is the pinned one", () => {
  for (const { name, image } of stages) {
    const argument = /^\$\{(\w+)\}$/.exec(image)?.[1];
    assert.ok(argument !== undefined && args[argument], `stage ${name} is FROM ${image}`);
    assert.match(args[argument]!, /^[a-z/]+:[\w.-]*\d[\w.-]*$/);
  }
  assert.equal(args["DENO_IMAGE"], "denoland/deno:bin-2.9.3");
  assert.match(readFileSync(join(root, ".ci/run"), "utf8"), /deno@2\.9\.3/);
});

Deno.test("Dockerfile: what is copied exists, is in the build's context, and comes from a stage before", () => {
  stages.forEach(({ instructions }, at) => {
    for (const { keyword, args: paths, flags } of instructions) {
      if (keyword !== "COPY") continue;
      const { from } = flags;
      if (from !== undefined) {
        assert.ok(stages.slice(0, at).some(({ name }) => name === from), `COPY --from=${from}`);
        continue;
      }
      for (const path of paths.slice(0, -1)) {
        assert.ok(existsSync(join(root, path)), `COPY ${path}`);
        assert.ok(inContext(path), `${path} is in Dockerfile.dockerignore`);
      }
    }
  });
  assert.ok(
    !inContext("node_modules/zod/package.json") && !inContext("tests/deploy/dockerfile.ts"),
  );
  assert.ok(
    !inContext("cli/commands/sft_test.ts") && !inContext("services/trainer/testing/child.ts"),
  );
  assert.ok(
    inContext("services/trainer/main.ts") &&
      inContext("demo/models/README.md") === existsSync(join(root, "demo/models")),
  );
});

Deno.test("Dockerfile: final stages run as nobody, are checked, and differ by the provider alone", () => {
  const told = ["cpu", "cuda"].map((name) =>
    stage(name).instructions.filter(({ flags }) => flags["from"] !== "provider")
      .map(({ keyword, text }) => `${keyword} ${text.replace(/ NVIDIA_.*/, "")}`)
  );
  assert.deepEqual(told[0], told[1]);
  const { instructions } = stage("cpu");
  const last = (keyword: string) => instructions.findLast((one) => one.keyword === keyword)?.text;
  assert.equal(last("USER"), "65532:65532");
  assert.match(last("HEALTHCHECK") ?? "", /healthz/);
  assert.equal(last("ENTRYPOINT"), '["decorum"]');
});

Deno.test("CUDA provider: of onnxruntime-node's version, where that looks for it, its hash named", () => {
  const version = imports["onnxruntime-node"]!.split("@").at(-1)!;
  const pins = readFileSync(join(root, "deploy/images/cuda_provider.txt"), "utf8");
  assert.match(
    pins,
    new RegExp(
      `^onnxruntime-gpu==${version.replaceAll(".", "\\.")} --hash=sha256:[0-9a-f]{64}$`,
      "m",
    ),
  );
  const copied = stage("cuda").instructions.find(({ flags }) => flags["from"] === "provider")!;
  const folder = copied.args[1]!;
  assert.ok(folder.includes(`onnxruntime-node@${version}/`), folder);
  assert.ok(existsSync(join(root, folder.slice("/app/".length), "libonnxruntime.so.1")), folder);
});

Deno.test("Dockerfile: the wrapper is a program that a shell reads", () => {
  const file = join(root, "deploy/images/decorum.sh");
  execFileSync("sh", ["-n", file]);
  assert.equal(statSync(file).mode & 0o111, 0o111);
});
