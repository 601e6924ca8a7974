import assert from "node:assert/strict";
import { HttpError } from "@decorum/service";
import { checkSite, type Requested } from "./guard.ts";

const own = { host: "127.0.0.1:8080", origin: "http://127.0.0.1:8080" };

/** The status that a request is refused with; undefined: it is let in. */
function refused(
  method: string,
  headers: Requested["headers"],
  { names = [] as string[], secure = false } = {},
): number | undefined {
  try {
    checkSite({ method, headers, secure }, names);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof HttpError);
    return error.status;
  }
}

Deno.test("a page is reached as localhost, by an IP address, or by a name that was said", () => {
  for (const host of ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "10.0.0.7:80"]) {
    assert.equal(refused("GET", { host }), undefined, host);
  }
  for (
    const host of [
      ...["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"],
      ...[
        "",
        "localhost:8080:1",
        "localhost/",
        "user@localhost",
        "[::1",
        "localhost#evil",
        "0x7f.1",
      ],
    ]
  ) assert.equal(refused("GET", { host }), 421, host);
  assert.equal(refused("GET", {}), 421);
  assert.equal(refused("GET", { host: "runs.lab:80" }, { names: ["runs.lab"] }), undefined);
  assert.equal(refused("GET", { host: "other.lab:80" }, { names: ["runs.lab"] }), 421);
});

Deno.test("what changes something comes from this origin, and says so", () => {
  assert.equal(refused("POST", own), undefined);
  assert.equal(refused("POST", { host: own.host }), 403, "no origin");
  for (
    const origin of [
      ...["null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:8081"],
      ...["https://127.0.0.1:8080", "http://localhost:8080", "http://127.0.0.1:8080.evil.example"],
    ]
  ) {
    assert.equal(refused("POST", { ...own, origin }), 403, origin);
    assert.equal(refused("GET", { ...own, origin }), 403, origin);
  }
  assert.equal(
    refused("POST", { ...own, origin: "https://127.0.0.1:8080" }, { secure: true }),
    undefined,
  );
});

Deno.test("requests of other sites' pages are refused, links that are followed are not", () => {
  const { host } = own;
  const from = (site: string, mode = "cors") => ({
    host,
    "sec-fetch-site": site,
    "sec-fetch-mode": mode,
  });
  assert.equal(refused("GET", from("same-origin")), undefined);
  assert.equal(refused("GET", from("none", "navigate")), undefined);
  assert.equal(refused("GET", from("cross-site", "navigate")), undefined);
  assert.equal(refused("GET", from("cross-site")), 403);
  assert.equal(refused("GET", from("same-site", "no-cors")), 403);
  assert.equal(refused("POST", { ...own, ...from("cross-site", "navigate") }), 403);
});
