// Continues a saved SFT run in a process of its own: model folder, state file, result file.
import process from "node:process";
import { readSafetensors, writeSafetensors } from "@decorum/tensor";
import { openSft, stateFromTensors, stateToTensors, train } from "../mod.ts";
import { randomSequences } from "@decorum/testing/training";
import { runOptions, sftOptions } from "./runs.ts";

const [model, saved, result] = process.argv.slice(2) as [string, string, string];
await using trainer = await openSft(sftOptions(model));
trainer.restore(stateFromTensors(readSafetensors(saved), trainer.params));
for await (const _ of train(trainer, randomSequences(10), runOptions));
writeSafetensors(result, stateToTensors(trainer.state()));
