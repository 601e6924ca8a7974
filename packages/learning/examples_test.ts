import assert from "node:assert/strict";
import { preferenceRows } from "./examples.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const rows = (...list: Record<string, unknown>[]) => ({
  name: "pairs.jsonl",
  rows: list.map((row) =>
    Object.fromEntries(
      Object.entries(row).map((
        [column, value],
      ) => [column, typeof value === "string" ? value : JSON.stringify(value)]),
    )
  ),
});

Deno.test("the messages that two conversations begin with are the prompt", () => {
  const start = [user("Hello"), assistant("Hi"), user("Where is it?")];
  const { rows: found } = preferenceRows(rows({
    chosen: [...start, assistant("Straight on.")],
    rejected: [...start, assistant("Find it."), user("What?")],
  }));
  assert.deepEqual(found, [{
    prompt: "Hello\nHi\nWhere is it?",
    chosen: "Straight on.",
    rejected: "Find it.\nWhat?",
  }]);
});

Deno.test("a prompt that is a list of messages stays; one that is a text gives way to the conversation's", () => {
  const [chosen, rejected] = [assistant("Gladly."), assistant("No.")];
  const { rows: found } = preferenceRows(rows(
    { prompt: [user("Help?")], chosen: [chosen], rejected: [rejected] },
    { prompt: "Help?", chosen: [user("Help?"), chosen], rejected: [user("Help?"), rejected] },
    { prompt: "Help?", chosen: [chosen], rejected: [rejected] },
    { prompt: "Help?", chosen: "Gladly.", rejected: "No.", note: "[sic]" },
  ));
  const expected = { prompt: "Help?", chosen: "Gladly.", rejected: "No." };
  assert.deepEqual(found, [expected, expected, expected, { ...expected, note: "[sic]" }]);
});

Deno.test("conversations that do not part are refused with their row", () => {
  const same = [user("Help?"), assistant("No.")];
  assert.throws(
    () => preferenceRows(rows({ chosen: same, rejected: same })),
    /row 1 of pairs\.jsonl: "chosen" and "rejected" do not part/,
  );
  assert.throws(
    () => preferenceRows(rows({ chosen: [user("Help?")], rejected: same })),
    /do not part/,
  );
});
