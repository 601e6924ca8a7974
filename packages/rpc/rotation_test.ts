import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { createClient } from "./client.ts";
import { RpcError } from "./errors.ts";
import { rewardService } from "./services.ts";
import { createAuthority, writeCertificates } from "@decorum/testing/certificates";
import { sleep, startFixture } from "./testing/fixture.ts";
import { tokenFile, tokenHash, tokensFile } from "./identity.ts";

const info = "decorum.reward.v1.RewardService/GetInfo";

/** Tries until it holds; the files are looked at every few milliseconds. */
async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await sleep(20);
  }
  assert.fail(`it never came to this: ${what}`);
}

Deno.test("certificates that change under a running server and client are used by new connections", async () => {
  using files = writeCertificates({
    server: ["spiffe://decorum/reward"],
    trainer: ["spiffe://decorum/trainer"],
  });
  const callers: string[] = [];
  const reloadMs = 20;
  await using fixture = await startFixture({
    reward: {
      getInfo(_request, { identity }) {
        callers.push(identity.name);
        return Promise.resolve({});
      },
    },
  }, {
    tls: { ...files.tls("server"), clients: "require", reloadMs },
    auth: { allow: { [info]: ["*"] } },
  }, { tls: { ...files.tls("trainer"), serverIdentity: "spiffe://decorum/reward", reloadMs } });
  await fixture.reward.getInfo({});

  const { address } = fixture.server;
  /** The identity that a new connection proves, and what it demands of the server. */
  const caller = async (serverIdentity: string): Promise<string | undefined> => {
    using client = createClient(rewardService, {
      address,
      tls: { ...files.tls("trainer"), serverIdentity },
    });
    try {
      await client.getInfo({}, { deadlineMs: 10_000 });
      return callers.at(-1);
    } catch (error) {
      assert(error instanceof RpcError);
      return undefined;
    }
  };

  // A certificate without its key is not taken: the old pair stays.
  const { certFile, keyFile } = files.tls("server");
  const renewed = files.authority.issue(["spiffe://decorum/renewed"]);
  writeFileSync(certFile, renewed.cert);
  await eventually(
    "the complaint is logged",
    () =>
      Promise.resolve(
        fixture.log.lines.some((line) =>
          /could not be read again/.test(line) && /is not the key of the certificate/.test(line)
        ),
      ),
  );
  assert.equal(await caller("spiffe://decorum/reward"), "spiffe://decorum/trainer");
  writeFileSync(keyFile, renewed.key);
  await eventually(
    "the renewed certificate is shown",
    async () => await caller("spiffe://decorum/renewed") !== undefined,
  );

  // All of the authority changes: servers and clients trust the new one alone.
  const next = createAuthority("next");
  writeFileSync(files.tls("server").caFile, next.cert);
  for (const name of ["server", "trainer"]) {
    const { cert, key } = next.issue([`spiffe://decorum/${name}-2`]);
    writeFileSync(files.tls(name).certFile, cert);
    writeFileSync(files.tls(name).keyFile, key);
  }
  await eventually(
    "the new authority's certificates are trusted",
    async () => await caller("spiffe://decorum/server-2") === "spiffe://decorum/trainer-2",
  );
});

Deno.test("a token that is taken out of the file, or put into it, counts at once", async () => {
  using files = writeCertificates({});
  const known = `${files.folder}/tokens`;
  const own = `${files.folder}/token`;
  const line = (token: string) => `${tokenHash(token)}  client/dashboard\n`;
  writeFileSync(known, line("first"));
  writeFileSync(own, "first\n");
  const everyMs = 0;
  await using fixture = await startFixture({ reward: { getInfo: () => Promise.resolve({}) } }, {
    auth: {
      allow: { [info]: ["spiffe://decorum/client/*"] },
      tokens: tokensFile(known, "decorum", { everyMs }),
    },
  }, { token: tokenFile(own, { everyMs }) });
  const code = () =>
    fixture.reward.getInfo({}).then(() => "OK", (error: RpcError) => error.code as string);
  assert.equal(await code(), "OK");
  writeFileSync(known, line("second"));
  assert.equal(await code(), "UNAUTHENTICATED");
  writeFileSync(own, "second\n");
  assert.equal(await code(), "OK");
  writeFileSync(known, "nonsense\n");
  assert.equal(await code(), "OK", "a file that cannot be read takes nobody's rights away");
  rmSync(known);
  assert.equal(await code(), "OK");
});
