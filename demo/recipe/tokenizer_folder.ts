import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The files of a tokenizer, and the rows that an embedding for it needs. */
export interface TokenizerFolder {
  readonly vocabSize: number;
  /** `tokenizer.json` */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json` */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Writes both files into `folder`, which is made. */
export function writeTokenizer(folder: string, { tokenizer, config }: TokenizerFolder): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, json: unknown) =>
    writeFileSync(join(folder, name), JSON.stringify(json, null, 2) + "\n");
  write("tokenizer.json", tokenizer);
  write("tokenizer_config.json", config);
}

/** A special token as `tokenizer.json` lists it. */
export function addedToken(id: number, content: string) {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
}
