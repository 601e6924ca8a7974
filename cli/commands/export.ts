import { InputError } from "@decorum/tensor";
import { Command } from "commander";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  isPolicyModel,
  mergeAdapter,
  openClassifier,
  openPolicyModel,
  readPeftAdapter,
} from "@decorum/models";
import { exportClassifierOnnx } from "@decorum/scoring";
import {
  addFlags,
  checkPath,
  flag,
  type FlagValues,
  Problems,
  readFlags,
  text,
  toggle,
} from "../flags.ts";

const exportFlags = {
  base: flag("--base <folder>", "the base model: a Hugging Face folder", text),
  adapter: flag("--adapter <folder>", "the PEFT adapter to merge into it", text.optional()),
  out: flag("--out <folder>", "write to this folder", text),
  onnx: flag("--onnx", "write a classifier as ONNX, for Transformers.js", toggle),
} as const;

/** `decorum export`: a model for other programs. */
export function exportCommand(): Command {
  const command = new Command("export")
    .description(
      "Merge an adapter into its base model, for transformers; or write a classifier as ONNX.",
    );
  return addFlags(command, exportFlags).action((given) => {
    const problems = new Problems();
    const flags = readFlags(exportFlags, given, problems);
    const { base, adapter, out } = flags;
    if (base !== undefined) checkPath("--base", base, "folder", problems);
    if (adapter !== undefined) checkPath("--adapter", adapter, "folder", problems);
    if (adapter === undefined && !flags.onnx) {
      problems.add("--adapter is missing: name the adapter to merge, or say --onnx");
    }
    for (const [option, folder] of [["--base", base], ["--adapter", adapter]] as const) {
      if (folder === undefined || out === undefined || resolve(folder) !== resolve(out)) continue;
      problems.add(`--out is "${out}": this is the folder of ${option}; name another`);
    }
    problems.throwIfAny();
    exportModel(flags as FlagValues<typeof exportFlags>);
  });
}

function exportModel({ base, adapter, out, onnx }: FlagValues<typeof exportFlags>): void {
  if (onnx && isPolicyModel(base)) {
    throw new InputError(
      `Cannot write ${base} as ONNX: it is an encoder-decoder model, and --onnx is for classifiers; merge it without --onnx`,
    );
  }
  if (adapter === undefined) exportClassifierOnnx(base, out);
  else if (!onnx) merge(base, adapter, out);
  else {
    const work = mkdtempSync(join(tmpdir(), "decorum-export-"));
    try {
      const merged = join(work, "merged");
      merge(base, adapter, merged);
      exportClassifierOnnx(merged, out);
    } finally {
      rmSync(work, { recursive: true });
    }
  }
  console.log(`${onnx ? "ONNX" : "Model"}: ${out}`);
}

function merge(base: string, folder: string, out: string): void {
  const model = isPolicyModel(base) ? openPolicyModel(base) : openClassifier(base);
  const { layers } = model;
  const adapter = readPeftAdapter(folder, layers, { savedModules: true });
  // PEFT trains a copy of this module, while the stacks go on to read the table itself.
  const shared = "tiedKeys" in model ? model.tiedKeys[0] : undefined;
  if (shared !== undefined && adapter.savedModules?.has(shared)) {
    throw new InputError(
      `Cannot merge adapter ${folder}: "modules_to_save" holds "${shared}", of which PEFT keeps a copy that the model does not compute with; merge it with PEFT, or train it without that module`,
    );
  }
  if (adapter.valueHead) console.error(`The value head in ${folder} is left out: a model has none`);
  mergeAdapter(base, layers, adapter, out);
}
