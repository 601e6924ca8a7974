import assert from "node:assert/strict";
import { withoutSecrets } from "./secrets.ts";

Deno.test("secrets are hidden wherever they lie, and counts of tokens are not", () => {
  assert.deepEqual(
    withoutSecrets({
      ppo: { max_new_tokens: 24, learning_rate: 1e-5 },
      token_file: "/secret/token",
      reward: { api_key: "k", headers: { authorization: "Bearer x" }, url: "https://me:pw@h/x" },
      passwords: ["a", { deep: "b" }],
      data: { train: "hf://datasets/x", prompt: "Write to me@example.org: {text}" },
      nothing: null,
    }),
    {
      ppo: { max_new_tokens: 24, learning_rate: 1e-5 },
      token_file: "(hidden)",
      reward: {
        api_key: "(hidden)",
        headers: { authorization: "(hidden)" },
        url: "https://(hidden)@h/x",
      },
      passwords: ["(hidden)", { deep: "(hidden)" }],
      data: { train: "hf://datasets/x", prompt: "Write to me@example.org: {text}" },
      nothing: null,
    },
  );
});
