import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createClient, learnerService, rewardService, type RpcError } from "@decorum/rpc";
import { startDecorum } from "@decorum/testing/decorum";
import { freeAddress } from "@decorum/testing/ports";
import { spawnService } from "@decorum/testing/process";
import { certificateFiles } from "../../cli/certificates/files.ts";
import { STEPS, System } from "./testing/system.ts";

Deno.test("a run with TLS between all services, certificates by `decorum certs`; tokens for a client", async (t) => {
  using system = await System.make();
  const certs = system.path("certs");
  const tokens = system.path("tokens");
  const decorum = async (...args: string[]) => {
    await using command = startDecorum(args, { cwd: system.folder });
    return await command.ended;
  };
  const made = await decorum("certs", "--out", "certs");
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /trainer\.pem {2}spiffe:\/\/decorum\/trainer/);
  const { stdout: token } = await decorum("token", "client/dashboard", "--tokens", tokens);

  await t.step("train --tls, a learner among the services", async () => {
    const address = await freeAddress();
    await using learner = spawnService(
      new URL("../../services/learner/main.ts", import.meta.url),
      `learner.listen=${address}`,
      "learner.threads=1",
      `learner.tls=${JSON.stringify(certificateFiles(certs, "learner"))}`,
      `model.name_or_path=${system.models.policy}`,
    );
    await learner.ready;
    const set = ["--set", `trainer.learners=[${address}]`];
    await using train = startDecorum(
      [
        ...["train", "--config", system.config, "--tls", "certs", "--run-id", "secured"],
        ...["--verbose", ...set],
      ],
      { cwd: system.folder },
    );
    const { code, stdout, stderr } = await train.ended;
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).step, STEPS);
    const audit = stderr.split("\n").filter((line) => line.includes('"audit":true'));
    const commits = audit.filter((line) => line.includes('"message":"CommitWeights done"'));
    assert(commits.length > STEPS, stderr);
    assert(commits.every((line) => line.includes('"identity":"spiffe://decorum/trainer"')));
    const started = audit.filter((line) => line.includes('"message":"StartRun done"'));
    assert.match(started.join(), /"identity":"spiffe:\/\/decorum\/operator"/);
    const puts = learner.errors().split("\n").filter((line) => line.includes("PutWeights done"));
    assert(puts.length > STEPS, learner.errors());
    assert(puts.every((line) => line.includes('"identity":"spiffe://decorum/trainer"')));
    const { ca, cert, key } = certificateFiles(certs, "operator");
    using operator = createClient(learnerService, {
      address,
      tls: {
        ...{ caFile: ca, certFile: cert, keyFile: key },
        serverIdentity: "spiffe://decorum/learner",
      },
    });
    const { runId, baseModelHash } = await operator.getInfo({});
    assert.equal(runId, "", "a run that has ended leaves its learners");
    assert.match(baseModelHash, /^[0-9a-f]{64}$/);
    await assert.rejects(operator.load([]), { code: "PERMISSION_DENIED" });
  });

  await t.step(
    "up --tls: a caller with a token, one with a certificate, and one with neither",
    async () => {
      await using up = startDecorum(
        ["up", "--config", system.config, "--tls", "certs", "--set", `reward.tokens=${tokens}`],
        { cwd: system.folder },
      );
      await up.said(/^trainer \S+$/m);
      const score = (...more: string[]) =>
        decorum(
          "score",
          "--address",
          system.addresses.reward,
          "--label",
          "nothate",
          "fine",
          ...more,
        );
      writeFileSync(system.path("token"), token);
      const by = ["--tls-ca", `${certs}/ca.pem`];
      const [shown, operator, nobody, plain] = await Promise.all([
        score(...by, "--token-file", system.path("token")),
        score("--tls", "certs"),
        score(...by),
        score(),
      ]);
      assert.equal(shown.code, 0, shown.stderr);
      assert.deepEqual(JSON.parse(shown.stdout), JSON.parse(operator.stdout));
      assert.equal(nobody.code, 1);
      assert.match(nobody.stderr, /UNAUTHENTICATED.* needs a client certificate with a SPIFFE id/);
      assert.equal(plain.code, 1);
      // The reward's certificate is not the policy's.
      using mistaken = createClient(rewardService, {
        address: system.addresses.reward,
        tls: { caFile: `${certs}/ca.pem`, serverIdentity: "spiffe://decorum/policy" },
        token: readFileSync(system.path("token"), "utf8").trim(),
      });
      await assert.rejects(mistaken.getInfo({}, { deadlineMs: 15_000 }), (error: RpcError) => {
        assert.match(error.message, /the server is spiffe:\/\/decorum\/reward, expected/);
        return true;
      });
    },
  );
});
