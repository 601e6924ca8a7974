import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { billOfMaterials, type LockFile, nameAndVersion, reachable } from "./sbom.ts";

const lock = JSON.parse(
  readFileSync(new URL("../deno.lock", import.meta.url), "utf8"),
) as LockFile;
const project = { name: "decorum", version: "1.2.3" };

Deno.test("the bill of materials of the lock file is CycloneDX and names every package once", async () => {
  const [root] = Object.keys(lock.npm).filter((key) => key.startsWith("onnxruntime-node@"));
  const text = billOfMaterials(lock, project, reachable(lock, [root!]));
  assert.equal(
    text,
    billOfMaterials(lock, project, reachable(lock, [root!])),
    "no clock, no chance",
  );
  const problems = await new Validation.JsonStrictValidator(Spec.Spec1dot6.version).validate(text);
  assert.equal(problems, null, JSON.stringify(problems));
  const { components, dependencies } = JSON.parse(text) as {
    components: {
      name: string;
      group?: string;
      purl: string;
      scope: string;
      hashes: { content: string }[];
    }[];
    dependencies: { ref: string; dependsOn?: string[] }[];
  };
  assert.equal(components.length, Object.keys(lock.npm).length);
  for (const { purl, hashes } of components) {
    assert.match(purl, /^pkg:npm\/(%40[^/@]+\/)?[^/@]+@\d+\.\d+\.\d+/);
    assert.match(hashes[0]!.content, /^[0-9a-f]{128}$/);
  }
  const runtime = components.find(({ name }) => name === "onnxruntime-node");
  assert.equal(runtime?.scope, "required");
  assert.equal(components.find(({ name }) => name === "fast-check")?.scope, "excluded");
  const needs = dependencies.find(({ ref }) => ref === root)?.dependsOn ?? [];
  assert.ok(needs.some((key) => key.startsWith("onnxruntime-common@")), `${needs}`);
});

Deno.test("keys of the lock file: scopes, and what stands behind the version", () => {
  assert.deepEqual(nameAndVersion("@grpc/reflection@1.0.4_@grpc+grpc-js@1.14.7"), {
    name: "@grpc/reflection",
    version: "1.0.4",
  });
  assert.deepEqual(nameAndVersion("zod@4.6.7"), { name: "zod", version: "4.6.7" });
  assert.throws(() => nameAndVersion("zod"), /expected name@version, found "zod"/);
  assert.throws(
    () => reachable({ specifiers: {}, npm: { "a@1.0.0": { dependencies: ["b"] } } }, ["a@1.0.0"]),
    /a@1\.0\.0 needs b, which is not in it/,
  );
});
