import assert from "node:assert/strict";
import { opsDocument, readOpsDocument } from "./ops_doc.ts";

Deno.test("docs/ops.md is what the tables say; else run `deno run -A tools/ops_doc.ts`", () => {
  assert.equal(readOpsDocument(), opsDocument());
});
