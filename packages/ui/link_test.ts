import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { linkScripts } from "./link.ts";

Deno.test("modules become one script in which each keeps its own names", () => {
  const script = linkScripts([
    {
      name: "a.js",
      text: "const hidden = 1;\nexport const one = hidden;\nexport function f() { return 2; }",
    },
    {
      name: "b.js",
      text: 'import {\n  f,\n  one as first,\n} from "./a.js";\nconst hidden = 10;\n' +
        "globalThis.sum = hidden + first + f();",
    },
  ]);
  const context: { sum?: number } = {};
  runInNewContext(script, context);
  assert.equal(context.sum, 13);
});

Deno.test("what cannot be linked is told", () => {
  const link = (...texts: string[]) => () =>
    linkScripts(texts.map((text, i) => ({ name: `${i}.js`, text })));
  assert.throws(
    link('import { a } from "./1.js";', "export const a = 1;"),
    /0\.js is linked before 1\.js/,
  );
  assert.throws(link('import a from "./0.js";'), /cannot be linked: import a/);
  assert.throws(link("export default 1;"), /cannot be linked: export default/);
});
