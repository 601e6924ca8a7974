import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request, type RequestOptions } from "node:https";
import { Authorizer, tokenHash } from "@decorum/rpc";
import { TemporaryFolder } from "@decorum/testing/folder";
import { createLogger } from "@decorum/telemetry";
import { certificateFiles, type Holder } from "../../cli/certificates/files.ts";
import { writeCertificates } from "../../cli/certificates/folder.ts";
import { openReward } from "../../services/reward/testing/open_reward.ts";

/** Posts a query; the status, or the error where there is no connection. */
function post(url: string, options: RequestOptions): Promise<number | string> {
  return new Promise((resolve) => {
    const { port } = new URL(url);
    const headers = { "content-type": "application/json", ...options.headers };
    const call = request({
      ...{ host: "127.0.0.1", port, path: "/get_reward", method: "POST", agent: false },
      ...options,
      headers,
    }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    call.on("error", (error) => resolve(error.message));
    call.end(JSON.stringify({ query: "you fool" }));
  });
}

Deno.test("get_reward over TLS: a certificate, or a token for callers without one", async () => {
  using folder = new TemporaryFolder();
  const certificates = { folder: folder.path, trustDomain: "decorum", hosts: [], days: 1 };
  await writeCertificates({ ...certificates, now: new Date() });
  const logger = createLogger({ service: "test", write: () => {} });
  const authorizer = new Authorizer({
    allow: { "decorum.reward.v1.RewardService/*": ["spiffe://decorum/client/*"] },
    tokens: () => [{ sha256: tokenHash("secret"), identity: "spiffe://decorum/client/b" }],
  }, { logger });
  const { ca: caFile, cert: certFile, key: keyFile } = certificateFiles(folder.path, "reward");
  const tls = { caFile, certFile, keyFile, clients: "accept" } as const;
  await using reward = await openReward({ http_listen: "127.0.0.1:0" }, {
    security: { tls, authorizer },
    server: { tls },
  });
  const url = reward.url();
  assert.match(url, /^https:/);
  const ca = readFileSync(caFile);
  const own = (holder: Holder) => {
    const { cert, key } = certificateFiles(folder.path, holder);
    return { cert: readFileSync(cert), key: readFileSync(key) };
  };
  assert.equal(await post(url, { ca, ...own("client") }), 200);
  assert.equal(await post(url, { ca, ...own("policy") }), 403);
  assert.equal(await post(url, { ca, auth: "me:secret" }), 200);
  assert.equal(await post(url, { ca, headers: { authorization: "Bearer secret" } }), 200);
  assert.equal(await post(url, { ca }), 401);
  assert.equal(typeof await post(url, {}), "string", "a certificate that nobody vouches for");
});

Deno.test("get_reward leaves this machine in plaintext only when that was said", async () => {
  await assert.rejects(
    openReward({ http_listen: "0.0.0.0:0" }),
    /Cannot listen on 0\.0\.0\.0:0 in plaintext/,
  );
});
