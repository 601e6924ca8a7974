import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createLogger } from "@decorum/telemetry";
import { allMethods, methodTable, roles } from "./method_table.ts";
import { serverSecurity } from "./security.ts";

const columns = Object.values(roles);

/** Who may call a method: its own entry, else its service's. */
function allowed(method: string): readonly string[] {
  return methodTable[method] ?? methodTable[`${method.slice(0, method.lastIndexOf("/"))}/*`] ?? [];
}

/** The table of SECURITY.md: methods of a service with the same callers share a line. */
function markdown(): string {
  const lines = new Map<string, string[]>();
  for (const method of allMethods) {
    const at = method.lastIndexOf("/");
    const cells = columns.map((name) => allowed(method).includes(name) ? "yes" : "").join(" | ");
    const key = `${method.slice(0, at)} | ${cells}`;
    lines.set(key, [...lines.get(key) ?? [], method.slice(at + 1)]);
  }
  const rows = [...lines].map(([key, methods]) => {
    const [service, ...cells] = key.split(" | ");
    return `| \`${service}\` ${methods.join(", ")} | ${cells.join(" | ")} |`;
  });
  return [
    `| method | ${columns.map((name) => `\`${name}\``).join(" | ")} |`,
    `|---|${columns.map(() => "---|").join("")}`,
    ...rows,
  ].join("\n");
}

Deno.test("SECURITY.md has the table of methods as it is", () => {
  const text = readFileSync(new URL("../../SECURITY.md", import.meta.url), "utf8");
  const found = /<!-- methods -->\n([^]*?)\n?<!-- end of methods -->/.exec(text)?.[1];
  assert.equal(found, markdown(), `expected in SECURITY.md:\n${markdown()}\n`);
});

Deno.test("only the trainer changes a policy's weights; every method has somebody who may call it", () => {
  for (const name of ["Begin", "Upload", "Commit", "Abort", "Rollback"]) {
    assert.deepEqual(allowed(`decorum.policy.v1.PolicyService/${name}Weights`), ["trainer"]);
  }
  for (const method of allMethods) assert(allowed(method).length > 0, method);
  for (const name of Object.keys(methodTable)) {
    assert(
      allMethods.some((method) => method === name || method.startsWith(name.slice(0, -1))),
      name,
    );
  }
});

Deno.test("a configuration's table: its lines replace the built-in ones, short names are of the trust domain", () => {
  const logger = createLogger({ service: "test", write: () => {} });
  const config = {
    listen: "127.0.0.1:0",
    insecure: false,
    tls: null,
    tokens: "/dev/null",
    trust_domain: "example",
    authorization: { "decorum.reward.v1.RewardService/Score": ["client/a"] },
  };
  const { authorizer } = serverSecurity(config, "reward", { logger });
  const may = (path: string, method: string) =>
    authorizer.refusal({
      method: `decorum.reward.v1.RewardService/${method}`,
      peer: "",
      identity: { name: `spiffe://${path}`, by: "certificate" },
    }) === undefined;
  assert(may("example/client/a", "Score"));
  assert(!may("example/client/b", "Score"));
  assert(!may("example/trainer", "Score"));
  assert(may("example/client/b", "GetInfo"));
  assert(!may("decorum/client/b", "GetInfo"));
  const bad = {
    ...config,
    authorization: { "decorum.reward.v1.RewardService/Scor": ["client/a"] },
  };
  assert.throws(
    () => serverSecurity(bad, "reward", { logger }),
    /RewardService\/Scor" is not served/,
  );
});
