/** What the pickle machine can build. Lists are arrays, dicts are maps, integers are numbers. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleTuple
  | PickleGlobal
  | PickleObject;

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** The name of something importable; never imported. */
export class PickleGlobal {
  readonly name: string;

  constructor(module: string, member: string) {
    this.name = `${module}.${member}`;
  }
}

/** Base of the values that a host makes. */
export abstract class PickleObject {
  /** What error messages call it. */
  abstract readonly kind: string;
}

/** A short name of a value's kind for error messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 80))}`;
  if (typeof value !== "object") return `the ${typeof value} ${value}`;
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dict";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof PickleTuple) return "a tuple";
  return value instanceof PickleGlobal ? `the global ${value.name}` : value.kind;
}
