"""Records golden cases with PyTorch, transformers, PEFT and TRL. See README.md beside this file.

    python tools/golden/record.py --out tests/golden --seed 7 --size tiny
    python tools/golden/record.py --out cases --kinds t5_forward,trl_steps --seed 3 --size small
    python tools/golden/record.py --out cases --specs more.json
"""

import argparse
import json
from pathlib import Path

import torch
import transformers

from case_folder import CaseFolder
from kind_classify import record_classify
from kind_dpo import record_dpo_steps
from kind_group import record_group_math, record_grpo_steps, record_rloo_steps
from kind_online_dpo import record_online_dpo_steps
from kind_ppo import record_ppo_math
from kind_t5 import record_forward, record_greedy, record_lora_grad
from kind_trl import record_trl_steps
from spec import KINDS, SIZES, make_spec, standard_specs

RECORDERS = {
    "t5_forward": record_forward, "t5_greedy": record_greedy, "t5_lora_grad": record_lora_grad,
    "roberta_classify": record_classify, "bert_classify": record_classify, "ppo_math": record_ppo_math,
    "trl_steps": record_trl_steps, "group_math": record_group_math, "grpo_steps": record_grpo_steps,
    "rloo_steps": record_rloo_steps, "dpo_steps": record_dpo_steps,
    "online_dpo_steps": record_online_dpo_steps,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that receives one folder a case")
    parser.add_argument("--kinds", default=",".join(KINDS), help="comma-separated, of: " + ", ".join(KINDS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", choices=list(SIZES), default="tiny")
    parser.add_argument("--specs", type=Path, help="JSON list of cases (fields of spec.py) instead of the standard ones")
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    for kind in kinds:
        if kind not in KINDS:
            parser.error(f"--kinds names {kind!r}, expected some of {', '.join(KINDS)}")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()  # an untied head is said at every load
    transformers.logging.disable_progress_bar()
    if args.specs:
        specs = [make_spec({"seed": args.seed, **case}, args.size) for case in json.loads(args.specs.read_text())]
    else:
        specs = standard_specs(args.seed, args.size)
    for spec in specs:
        if spec.kind not in kinds:
            continue
        torch.manual_seed(spec.seed)
        RECORDERS[spec.kind](CaseFolder(args.out, spec))
        print(f"recorded {args.out / spec.name}", flush=True)


if __name__ == "__main__":
    main()
