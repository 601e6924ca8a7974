/**
 * The caller is wrong: a value, a file or a setting that cannot be used as it is. The message says what was
 * tried, on what, what was expected and what to do, and is meant for the caller's eyes.
 *
 * Every other error is a fault of this program or of the machine it runs on; services hide those from their
 * callers. Nothing tells errors apart by their text.
 */
export class InputError extends Error {
  override readonly name: string = "InputError";
}
