import assert from "node:assert/strict";
import { join } from "node:path";
import { createClient } from "./client.ts";
import { askHealth } from "./health.ts";
import { identify, parseTokens, spiffeId, tokenHash } from "./identity.ts";
import type { RpcError } from "./errors.ts";
import { rewardService } from "./services.ts";
import { writeCertificates } from "@decorum/testing/certificates";
import { startFixture } from "./testing/fixture.ts";
import type { ClientTls } from "./tls.ts";
import { authorize } from "./auth.ts";

const trainer = "spiffe://decorum/trainer";
const score = "decorum.reward.v1.RewardService/Score";
const info = "decorum.reward.v1.RewardService/GetInfo";

const code = (name: string, text = /./) => (error: RpcError) => {
  assert.equal(error.code, name, error.message);
  assert.match(error.message, text);
  return true;
};

Deno.test("mutual TLS: the SPIFFE id decides per method, what is not in the table is denied", async () => {
  using files = writeCertificates({
    server: ["localhost", "127.0.0.1", "spiffe://decorum/reward"],
    trainer: [trainer],
    stranger: ["spiffe://decorum/stranger"],
    nameless: ["client.example"],
  });
  let caller = "";
  await using fixture = await startFixture({
    reward: {
      score(_request, { identity }) {
        caller = `${identity.name} by ${identity.by}`;
        return Promise.resolve({});
      },
      getInfo: () => Promise.resolve({}),
    },
  }, {
    tls: { ...files.tls("server"), clients: "require" },
    healthAddress: "127.0.0.1:0",
    auth: { allow: { [score]: [trainer], "decorum.reward.v1.RewardService/*": ["*"] } },
  }, { tls: files.tls("trainer") });
  const connect = (tls: ClientTls) =>
    createClient(rewardService, { address: fixture.server.address, tls });

  await fixture.reward.score({});
  assert.equal(caller, `${trainer} by certificate`);
  await assert.rejects(fixture.policy.getVersion({}), code("PERMISSION_DENIED", /trainer may not/));

  using stranger = connect(files.tls("stranger"));
  await stranger.getInfo({});
  await assert.rejects(
    stranger.score({}),
    code("PERMISSION_DENIED", /stranger may not call .*Score/),
  );
  using nameless = connect(files.tls("nameless"));
  await assert.rejects(nameless.getInfo({}), code("UNAUTHENTICATED"));

  using bare = connect({ caFile: files.tls("server").caFile });
  await assert.rejects(bare.getInfo({}, { deadlineMs: 15_000 }), code("UNAVAILABLE"));
  using distrusting = connect({ caFile: join(files.folder, "other-ca.pem") });
  await assert.rejects(distrusting.getInfo({}, { deadlineMs: 15_000 }), code("UNAVAILABLE"));
  const health = await askHealth({ address: `127.0.0.1:${fixture.server.healthPort}` });
  assert.equal(health.serving, true);
});

Deno.test("the client checks the server's SPIFFE id or name", async () => {
  using files = writeCertificates({
    server: ["reward.example", "spiffe://decorum/reward"],
    t: [trainer],
  });
  await using fixture = await startFixture({ reward: { getInfo: () => Promise.resolve({}) } }, {
    tls: { ...files.tls("server"), clients: "require" },
    auth: "open",
  }, { tls: { ...files.tls("t"), serverIdentity: "spiffe://decorum/reward" } });
  await fixture.reward.getInfo({});
  const { address } = fixture.server;
  using named = createClient(rewardService, {
    address,
    tls: { ...files.tls("t"), serverName: "reward.example" },
  });
  await named.getInfo({});
  using wrong = createClient(rewardService, {
    address,
    tls: { ...files.tls("t"), serverIdentity: "spiffe://decorum/policy" },
  });
  await assert.rejects(
    wrong.getInfo({}, { deadlineMs: 15_000 }),
    code("UNAVAILABLE", /expected spiffe/),
  );
});

Deno.test("a token stands in for a certificate where the server accepts that", async () => {
  using files = writeCertificates({ server: ["127.0.0.1"], trainer: [trainer] });
  using forger = writeCertificates({ trainer: [trainer] });
  await using fixture = await startFixture({ reward: { getInfo: () => Promise.resolve({}) } }, {
    tls: { ...files.tls("server"), clients: "accept" },
    auth: {
      allow: { [info]: ["dashboard", trainer] },
      tokens: () => [{ identity: "dashboard", sha256: tokenHash("s3cret") }],
    },
  }, { tls: files.tls("trainer") });
  await fixture.reward.getInfo({});
  const connect = (token?: string) =>
    createClient(rewardService, {
      address: fixture.server.address,
      tls: { caFile: files.tls("server").caFile },
      ...(token === undefined ? {} : { token }),
    });
  using known = connect("s3cret");
  await known.getInfo({});
  using wrong = connect("s3cres");
  await assert.rejects(wrong.getInfo({}), code("UNAUTHENTICATED", /or a token/));
  using forged = createClient(rewardService, {
    address: fixture.server.address,
    tls: { ...forger.tls("trainer"), caFile: files.tls("server").caFile },
  });
  await assert.rejects(
    forged.getInfo({}, { deadlineMs: 15_000 }),
    (e: RpcError) => e.code === "UNAUTHENTICATED" || e.code === "UNAVAILABLE",
  );
  using none = connect();
  await assert.rejects(none.getInfo({}), code("UNAUTHENTICATED"));
});

Deno.test("identities: one URI makes a SPIFFE id, lookalikes do not", () => {
  const id = (subjectaltname: string) => spiffeId({ subjectaltname });
  assert.equal(id("DNS:a, URI:spiffe://decorum/trainer"), trainer);
  assert.equal(id("URI:spiffe://decorum/a, URI:spiffe://decorum/b"), undefined);
  assert.equal(id('DNS:"a, URI:spiffe://decorum/trainer"'), undefined);
  assert.equal(id("URI:https://decorum/trainer"), undefined);
  assert.equal(id("DNS:spiffe://decorum/trainer"), undefined);
  assert.equal(id(""), undefined);

  const tokens = parseTokens(`# ours\n${tokenHash("s3cret")}  client/a # since May\n\n`, "decorum");
  const by = (authorization?: string) => identify({ authorization }, tokens);
  const holder = { name: "spiffe://decorum/client/a", by: "token" };
  assert.deepEqual(by("bearer s3cret"), holder);
  assert.deepEqual(by(`Basic ${btoa("s3cret:")}`), holder);
  assert.deepEqual(by(`Basic ${btoa("user:s3cret")}`), holder);
  for (const wrong of ["Basic s3cret", "Bearer s3cre", "Bearer", "s3cret", "", undefined]) {
    assert.equal(by(wrong).by, "nothing", `${wrong}`);
  }
  assert.throws(() => parseTokens("s3cret client/a", "decorum"), /line 1: expected the SHA-256/);
});

Deno.test("the table: a method's entry replaces its service's, probes are open, names are no prototypes", () => {
  const known = { name: trainer, by: "certificate" } as const;
  const nobody = { name: "anonymous", by: "nothing" } as const;
  const table = { allow: { "a.B/*": ["*"], "a.B/Push": ["x"] } };
  assert.equal(authorize(table, "a.B/Get", known), "allowed");
  assert.equal(authorize(table, "a.B/Push", known), "denied");
  assert.equal(authorize(table, "a.B/Get", nobody), "unauthenticated");
  assert.equal(authorize(table, "constructor", known), "denied");
  const below = { allow: { "a.B/*": ["spiffe://decorum/client/*"] } };
  const named = (name: string) => authorize(below, "a.B/Get", { name, by: "token" });
  assert.equal(named("spiffe://decorum/client/a"), "allowed");
  assert.equal(named("spiffe://decorum/client"), "denied");
  assert.equal(named("spiffe://decorum/clients/a"), "denied");
  assert.equal(authorize(table, "grpc.health.v1.Health/Check", nobody), "allowed");
  const reflection = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  assert.equal(authorize(table, reflection, nobody), "unauthenticated");
  assert.equal(authorize(table, reflection, known), "allowed");
});
