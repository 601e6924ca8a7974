import { InputError } from "@decorum/tensor";
/** Counts texts with more tokens than are allowed, and says what to do about them. */
export class Lengths {
  #first: string | undefined;
  readonly #counts = new Map<string, number>();

  /**
   * @param part the text's role in messages, as "source"
   * @param option the option that sets `most`
   * @returns whether the text is too long
   */
  exceeds(part: string, row: number, tokens: number, most: number, option: string): boolean {
    if (tokens <= most) return false;
    this.#first ??= `row ${row + 1} has ${tokens} ${part} tokens, ${option} allows ${most}`;
    this.#counts.set(part, (this.#counts.get(part) ?? 0) + 1);
    return true;
  }

  /**
   * @returns a line that says how many texts were cut, if any were
   * @throws InputError when texts are too long and may not be cut
   */
  settle(data: string, rows: number, truncate: boolean): string | undefined {
    if (this.#first === undefined) return undefined;
    const counts = [...this.#counts].map(([part, n]) => `${n} ${part}${n === 1 ? "" : "s"}`);
    const found = `${counts.join(" and ")} of ${rows} rows`;
    if (truncate) return `${data}: cut ${found} that were too long (${this.#first})`;
    throw new InputError(
      `Cannot use ${data}: ${found} are too long (first: ${this.#first}); shorten them, allow more, or say --truncate`,
    );
  }
}
