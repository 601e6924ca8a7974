/** A client process for `process_test.ts`: 13 calls, then it waits for the server's GOAWAY and calls again. */
import process from "node:process";
import { createClient, rewardService, RpcError } from "../mod.ts";

const client = createClient(rewardService, { address: `127.0.0.1:${process.argv[2]}` });
const seen: string[] = [];
for (let i = 0; i < 13; i++) seen.push((await client.getInfo({})).modelName);
await new Promise((resolve) => setTimeout(resolve, 2500));
const after = await client.getInfo({}, { deadlineMs: 3000 }).then(
  ({ modelName }) => modelName,
  (error: unknown) => error instanceof RpcError ? error.code : String(error),
);
client.close();
console.log(JSON.stringify({ calls: seen.length, after }));
process.exit(0);
