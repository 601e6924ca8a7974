import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { loadProto } from "./load_proto.ts";
import { rewardService } from "./services.ts";

const { definition } = loadProto(rewardService);
const { requestSerialize, requestDeserialize } = definition["Score"]!;
const bytesOf = (response: string, label = "") =>
  requestSerialize({ items: [{ response }, { response: "b" }], label });

Deno.test("strings that are not UTF-8 are refused, wherever they stand", () => {
  for (const [text, label] of [["aXc", ""], ["a", "X"], ["\uFFFD", "X"]] as const) {
    const bytes = bytesOf(text, label);
    const wrong = Buffer.from(bytes);
    wrong[wrong.lastIndexOf("X")] = 0xff;
    assert.throws(() => requestDeserialize(wrong), /a string of the message is not valid UTF-8/);
    assert.doesNotThrow(() => requestDeserialize(bytes));
  }
});

Deno.test("what says U+FFFD itself passes", () => {
  const text = "\uFFFD and \uFFFD\uFFFD";
  const message = requestDeserialize(bytesOf(text)) as { items: { response: string }[] };
  assert.equal(message.items[0]!.response, text);
});
