/** A client process for `process_test.ts`: 13 calls, then it waits for the server's GOAWAY and calls until it is answered again. */
import process from "node:process";
import { createClient, rewardService, RpcError } from "../mod.ts";

const client = createClient(rewardService, { address: `127.0.0.1:${process.argv[2]}` });
const call = () =>
  client.getInfo({}, { deadlineMs: 3000 }).then(
    ({ modelName }) => ({ server: modelName }),
    (error: unknown) => ({ error: error instanceof RpcError ? error.code : String(error) }),
  );
const before = [];
for (let i = 0; i < 13; i++) before.push(await call());
console.log(JSON.stringify({ before }));
await new Promise((resolve) => setTimeout(resolve, 2500));
console.log(JSON.stringify({ away: await call() }));
for (let i = 0; i < 40; i++) {
  const again = await call();
  if (!("server" in again)) continue;
  console.log(JSON.stringify({ again }));
  break;
}
client.close();
process.exit(0);
