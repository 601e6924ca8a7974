import { isJsonObject } from "@decorum/tensor";

/** One message of a conversation, as TRL's data sets have them. */
interface Message {
  readonly role: string;
  readonly content: string;
}

/**
 * The messages in a parsed JSON value: a list of objects with `role` and `content`, of which each content is a text or
 * a list of parts of type "text".
 *
 * @returns undefined for anything else
 */
export function messagesOf(value: unknown): Message[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const messages: Message[] = [];
  for (const item of value) {
    if (!isJsonObject(item) || typeof item.role !== "string") return undefined;
    const content = contentOf(item.content);
    if (content === undefined) return undefined;
    messages.push({ role: item.role, content });
  }
  return messages;
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
