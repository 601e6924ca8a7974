import { missing } from "./network/hosts.ts";
import { rollingRestart, storm } from "./network/scenes.ts";

const why = missing();
if (why !== undefined) console.warn(`tests/interop/network_test.ts is skipped: ${why}`);

Deno.test({
  name:
    "links that are cut, late and lossy, a policy that joins and one that is killed: the same adapter, bit for bit",
  ignore: why !== undefined,
  fn: () => storm({ steps: 12, seconds: 4 }),
});

Deno.test({
  name:
    "every service is restarted in turn during a run: no call fails, no step is lost, the same bits",
  ignore: why !== undefined,
  fn: () => rollingRestart(24),
});
