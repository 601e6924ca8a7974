import { fileURLToPath } from "node:url";
import process from "node:process";
import { Command } from "commander";
import { caseFolders, describe, runCase } from "./runner.ts";

const own = fileURLToPath(new URL("../../tests/golden", import.meta.url));

const { cases } = new Command("golden")
  .description("Reproduces cases recorded from PyTorch, transformers, PEFT and TRL.")
  .option("--cases <dir>", "a folder of cases, or one case (default: the project's own)", own)
  .parse(process.argv)
  .opts<{ cases: string }>();

let folders: string[] = [];
try {
  folders = caseFolders(cases);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
let passed = 0;
for (const folder of folders) {
  const result = await runCase(folder);
  if (result.ok) passed++;
  console.log(describe(result));
}
console.log(`${passed} of ${folders.length} cases passed`);
process.exit(passed === folders.length ? 0 : 1);
