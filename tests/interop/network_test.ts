import { missing } from "./network/hosts.ts";
import { weather } from "./network/storm.ts";

const why = missing();
if (why !== undefined) console.warn(`tests/interop/network_test.ts is skipped: ${why}`);

Deno.test({
  name:
    "links that are cut, late and lossy, a policy that joins and one that is killed: the same adapter, bit for bit",
  ignore: why !== undefined,
  fn: () => weather({ steps: 12, seconds: 4 }),
});
