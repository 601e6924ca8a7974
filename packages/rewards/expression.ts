import { InputError } from "@decorum/tensor";

/** A linear expression of a classifier's labels: `constant + sum of coefficients times label`. */
export interface LabelExpression {
  /** As it was written. */
  readonly source: string;
  readonly constant: number;
  /** By label, in the order of their first mention; never 0. */
  readonly coefficients: ReadonlyMap<string, number>;
}

type Linear = { readonly constant: number; readonly labels: ReadonlyMap<string, number> };

/**
 * Reads an expression such as `-"toxic"`, `"nothate" - "hate"` or `-(0.5 "toxic" + 2 "severe-toxic")`. Labels stand
 * in double quotes, since they may hold spaces and dashes (`\"` and `\\` inside). A number in front of a label or a
 * parenthesis multiplies it, with or without `*`.
 *
 * @throws InputError naming the place of what cannot be read, or of a product of two labels; for one without a label
 */
export function parseExpression(source: string): LabelExpression {
  const parser = new Parser(source);
  const { constant, labels } = parser.whole();
  const coefficients = new Map([...labels].filter(([, factor]) => factor !== 0));
  if (coefficients.size === 0) {
    throw parser.wrong(0, `expected at least one label in double quotes, as in -"toxic"`);
  }
  return { source, constant, coefficients };
}

/**
 * The value of an expression for one text.
 *
 * @param values by label: raw logits or probabilities
 * @throws InputError listing the labels there are, for one that is not among them
 */
export function evaluateExpression(
  { source, constant, coefficients }: LabelExpression,
  values: ReadonlyMap<string, number>,
): number {
  let sum = constant;
  for (const [label, factor] of coefficients) {
    const value = values.get(label);
    if (value === undefined) {
      throw new InputError(
        `Cannot compute ${source}: there is no label ${JSON.stringify(label)}; the labels are ${
          [...values.keys()].map((name) => JSON.stringify(name)).join(", ")
        }`,
      );
    }
    // -0 + x and 1 x are x, bit for bit: one label alone is that label's value.
    sum += factor * value;
  }
  return sum;
}

interface Token {
  readonly at: number;
  readonly kind: "number" | "label" | "sign" | "end";
  readonly text: string;
}

const TOKEN = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|"((?:[^"\\]|\\["\\])*)"|([-+*()]))/y;

class Parser {
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(readonly source: string) {
    TOKEN.lastIndex = 0;
    let at = 0;
    while (source.slice(at).trim() !== "") {
      const match = TOKEN.exec(source);
      if (!match) {
        const start = at + source.slice(at).search(/\S/);
        throw this.wrong(start, "expected a number, a label in double quotes, + - * ( or )");
      }
      const [whole, number, label, sign] = match;
      const start = at + whole.search(/\S/);
      if (number !== undefined) this.#tokens.push({ at: start, kind: "number", text: number });
      else if (label !== undefined) {
        const text = label.replaceAll(/\\(["\\])/g, "$1");
        this.#tokens.push({ at: start, kind: "label", text });
      } else this.#tokens.push({ at: start, kind: "sign", text: sign! });
      at = TOKEN.lastIndex;
    }
    this.#tokens.push({ at: source.length, kind: "end", text: "" });
  }

  whole(): Linear {
    const value = this.#sum();
    const rest = this.#peek();
    if (rest.kind !== "end") throw this.wrong(rest.at, "expected + or - or the end");
    return value;
  }

  wrong(at: number, expected: string): InputError {
    const rest = this.source.slice(at);
    const found = rest.trim() === "" ? "the end" : JSON.stringify(rest.slice(0, 20));
    return new InputError(
      `Cannot read the expression ${JSON.stringify(this.source)} at character ${
        at + 1
      }, ${found}: ${expected}`,
    );
  }

  #sum(): Linear {
    let value = this.#signed();
    while (this.#peek().text === "+" || this.#peek().text === "-") {
      if (this.#peek().kind !== "sign") break;
      const factor = this.#take().text === "-" ? -1 : 1;
      value = added(value, scaled(this.#product(), factor));
    }
    return value;
  }

  #signed(): Linear {
    const { kind, text } = this.#peek();
    if (kind !== "sign" || (text !== "-" && text !== "+")) return this.#product();
    this.#take();
    return scaled(this.#signed(), text === "-" ? -1 : 1);
  }

  #product(): Linear {
    let value = this.#factor();
    for (;;) {
      const { at, kind, text } = this.#peek();
      if (kind === "sign" && text === "*") this.#take();
      else if (kind !== "label" && kind !== "number" && !(kind === "sign" && text === "(")) {
        return value;
      }
      const other = this.#factor();
      if (value.labels.size > 0 && other.labels.size > 0) {
        throw this.wrong(at, "expected a linear expression, and this is a product of two labels");
      }
      value = value.labels.size > 0 ? scaled(value, other.constant) : scaled(other, value.constant);
    }
  }

  #factor(): Linear {
    const token = this.#take();
    if (token.kind === "number") return { constant: Number(token.text), labels: new Map() };
    if (token.kind === "label") return { constant: 0, labels: new Map([[token.text, 1]]) };
    if (token.text === "(" && token.kind === "sign") {
      const inner = this.#sum();
      const close = this.#take();
      if (close.kind !== "sign" || close.text !== ")") {
        throw this.wrong(close.at, "expected a closing parenthesis");
      }
      return inner;
    }
    if (token.text === "-" && token.kind === "sign") return scaled(this.#factor(), -1);
    throw this.wrong(token.at, "expected a number, a label in double quotes, or a parenthesis");
  }

  #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#next++;
    return token;
  }
}

function scaled({ constant, labels }: Linear, factor: number): Linear {
  return {
    constant: constant === 0 ? 0 : constant * factor,
    labels: new Map([...labels].map(([label, value]) => [label, value * factor])),
  };
}

function added(a: Linear, b: Linear): Linear {
  const labels = new Map(a.labels);
  for (const [label, value] of b.labels) labels.set(label, (labels.get(label) ?? 0) + value);
  return { constant: a.constant + b.constant, labels };
}
