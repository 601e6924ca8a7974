import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { judgeDenoGlobal, judgeFile, judgeImport, type Violation } from "./import_rules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Path from the repository's root, with forward slashes. */
function fromRoot(file: string): string {
  return relative(root, file).split(sep).join("/");
}

/**
 * Deno lint plugin that holds imports to the layer table.
 *
 * `decorum/layers` judges every import, export-from, `import()`, type import and `require` with a literal
 * specifier; `decorum/portable` keeps the `Deno` global out of code that runs on Node too.
 */
const plugin: Deno.lint.Plugin = {
  name: "decorum",
  rules: {
    layers: {
      create(context) {
        const file = fromRoot(context.filename);
        const judge = (source: Deno.lint.Node | null | undefined) => {
          if (source?.type !== "Literal" || typeof source.value !== "string") return;
          report(context, source, judgeImport(file, source.value));
        };
        return {
          Program(node) {
            const [first] = node.body;
            if (first) report(context, first, judgeFile(file));
          },
          ImportDeclaration: ({ source }) => judge(source),
          ExportAllDeclaration: ({ source }) => judge(source),
          ExportNamedDeclaration: ({ source }) => judge(source),
          ImportExpression: ({ source }) => judge(source),
          TSImportType: ({ argument }) =>
            judge(argument.type === "TSLiteralType" ? argument.literal : argument),
          CallExpression({ callee, arguments: [first] }) {
            if (callee.type === "Identifier" && callee.name === "require") judge(first);
          },
        };
      },
    },
    portable: {
      create(context) {
        const file = fromRoot(context.filename);
        return {
          Identifier(node) {
            if (node.name === "Deno") report(context, node, judgeDenoGlobal(file));
          },
        };
      },
    },
  },
};

function report(
  context: Deno.lint.RuleContext,
  node: Deno.lint.Node,
  violation: Violation | undefined,
): void {
  if (violation) context.report({ node, ...violation });
}

export default plugin;
