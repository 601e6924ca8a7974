/** A script of the page. */
export interface Script {
  /** As others import it, without "./". */
  readonly name: string;
  readonly text: string;
}

/**
 * The page's modules as one script, for a file that has no others beside it. Each becomes a function that gives what it
 * exports; `import { a } from "./b.js"` and `export` before a declaration are all that modules use.
 *
 * @param scripts in an order in which each comes after those that it imports
 * @throws Error for another form of import or export, or a module that is not before
 */
export function linkScripts(scripts: readonly Script[]): string {
  const linked = new Map<string, string>();
  const parts = scripts.map(({ name, text }, i) => {
    const exported: string[] = [];
    const body = text
      .replaceAll(
        /^import \{([^}]*)\} from "\.\/([\w.]+)";$/gm,
        (_, names: string, from: string) => {
          const other = linked.get(from);
          if (other === undefined) throw new Error(`internal: ${name} is linked before ${from}`);
          return `const {${names.replaceAll(/(\w+) as (\w+)/g, "$1: $2")}} = ${other};`;
        },
      )
      .replaceAll(
        /^export ((?:async function\*?|function\*?|const|class) (\w+))/gm,
        (_, declaration: string, what: string) => {
          exported.push(what);
          return declaration;
        },
      );
    const left = /^(import|export)\b.*$/m.exec(body);
    if (left) throw new Error(`internal: ${name} cannot be linked: ${left[0]}`);
    linked.set(name, `module${i}`);
    return `const module${i} = (() => {\n${body}\nreturn { ${exported.join(", ")} };\n})();`;
  });
  return `"use strict";\n${parts.join("\n")}`;
}
