import { writeFileSync } from "node:fs";
import { letters, writeT5 } from "@decorum/testing/t5";

/** One layer a side: the trainer's tests run many steps. */
const json = { vocab_size: 32, num_layers: 1, num_decoder_layers: 1, num_heads: 2 };

/** Writes a tiny random T5 with a tokenizer of letters. */
export function writeTinyT5(folder: string, seed = 1): void {
  writeT5(folder, { json, seed, tokenizer: true });
}

/** Writes `count` rows with a column `text` of words of letters, and `summary`. */
export function writeRows(file: string, count: number): void {
  const word = (i: number) =>
    Array.from({ length: 2 + i % 5 }, (_, j) => letters[(i * 7 + j * 11) % 26]).join("");
  const rows = Array.from({ length: count }, (_, i) => ({
    text: Array.from({ length: 1 + i % 3 }, (_, j) => word(i + j * 31)).join(" "),
    summary: word(i),
  }));
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n") + "\n");
}
