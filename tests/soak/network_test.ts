import { missing } from "../interop/network/hosts.ts";
import { storm } from "../interop/network/scenes.ts";

const why = missing();
if (why !== undefined) console.warn(`tests/soak/network_test.ts is skipped: ${why}`);

Deno.test({
  name:
    "a link that is cut for 30 s, others late and lossy meanwhile: the same adapter, bit for bit",
  ignore: why !== undefined,
  fn: () => storm({ steps: 60, seconds: 30 }),
});
