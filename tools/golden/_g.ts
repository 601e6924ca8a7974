import { readCase } from "/work/main/tools/golden/case.ts";
import { compare } from "/work/main/tools/golden/compare.ts";
import { t5Forward } from "/work/main/tools/golden/cases/t5_forward.ts";
import { classify } from "/work/main/tools/golden/cases/classify.ts";
import { t5LoraGrad } from "/work/main/tools/golden/cases/t5_lora_grad.ts";
import { t5Greedy } from "/work/main/tools/golden/cases/t5_greedy.ts";
const k: any = { t5_greedy: t5Greedy, t5_forward: t5Forward, roberta_classify: classify, t5_lora_grad: t5LoraGrad };
for (const f of Deno.args) {
  const c = readCase(f); const t0 = performance.now();
  const r = await k[c.kind](c);
  for (const [n, e] of c.expected) { const x = compare(n, r.get(n), e, c); if (!x.ok || !n.startsWith("grad.")|| n.includes('v_head')) console.log(f.split("/").pop(), n, x.error, x.ok, x.problem ?? ""); }
  console.log(Math.round(performance.now() - t0), "ms");
}
