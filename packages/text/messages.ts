import { describeJson, InputError, isJsonObject } from "@decorum/tensor";

/** One message of a conversation, as TRL's data sets have them. */
interface Message {
  readonly role: string;
  readonly content: string;
}

/**
 * The messages in a parsed JSON value: a list of objects with `role` and `content`, where each content is a text or
 * a list of parts of type "text", whose texts are joined as chat templates of transformers do.
 *
 * @param action begins the error's message, with the place of the value ("Cannot read a.jsonl, line 3")
 * @returns undefined for a value that is no list of messages
 * @throws InputError for a message whose content is not text: null, a call of a tool, an image
 */
export function messagesOf(value: unknown, action: string): Message[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const items: { role: string; content: unknown }[] = [];
  for (const item of value as unknown[]) {
    if (!isJsonObject(item) || typeof item.role !== "string") return undefined;
    items.push({ role: item.role, content: item.content });
  }
  if (items.every(({ content }) => content === undefined)) return undefined;
  return items.map(({ role, content }, i) => {
    const text = contentOf(content);
    if (text !== undefined) return { role, content: text };
    throw new InputError(
      `${action}: the content of message ${i + 1} (role "${role}") is ${
        content === undefined
          ? "missing"
          : Array.isArray(content)
          ? "a list"
          : describeJson(content)
      }; expected a text, or a list of parts of type "text" only. Give the message a text, or leave it out`,
    );
  });
}

function contentOf(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part) =>
    isJsonObject(part) && part.type === "text" && typeof part.text === "string"
      ? part.text
      : undefined
  );
  return texts.includes(undefined) ? undefined : texts.join("");
}

/** What the messages say, a message a line: the models here know no roles. */
export function messagesText(messages: readonly Message[]): string {
  return messages.map(({ content }) => content).join("\n");
}
