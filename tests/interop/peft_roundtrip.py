"""PEFT on the other side of an adapter folder.

    python peft_roundtrip.py load --base MODEL --adapter DIR --inputs inputs.safetensors --out outputs.safetensors
    python peft_roundtrip.py make --base MODEL --out DIR [--r 4 --alpha 8 --targets q,v | --pattern REGEX] [--rslora]
        [--bin] [--seed 0 --init-b 0.1] [--inputs inputs.safetensors --outputs outputs.safetensors]

`load` reads a folder that Decorum wrote: it fails on a missing, unexpected or differently valued tensor, and
writes what the adapted model gives. `make` writes a folder for Decorum to read, with a random B. Both print JSON.
"""

import argparse
import sys

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict

import hf


def load(args: argparse.Namespace) -> None:
    model = PeftModel.from_pretrained(hf.load_model(args.base), args.adapter).eval()
    inside, file = get_peft_model_state_dict(model), hf.read(f"{args.adapter}/adapter_model.safetensors")
    missing, unexpected = sorted(set(inside) - set(file)), sorted(set(file) - set(inside))
    different = sorted(name for name in set(inside) & set(file) if not torch.equal(inside[name], file[name].float()))
    if missing or unexpected or different:
        sys.exit(f"{args.adapter}: PEFT lacks {missing}, does not know {unexpected}, holds other values for {different}")
    config = model.peft_config["default"]
    values = hf.outputs(model, hf.read(args.inputs))
    hf.report(peft=peft.__version__, keys=sorted(file), r=config.r, lora_alpha=config.lora_alpha,
              target_modules=sorted(config.target_modules), task_type=config.task_type,
              written=hf.write(args.out, values))


def make(args: argparse.Namespace) -> None:
    base = hf.load_model(args.base)
    torch.manual_seed(args.seed)
    model = get_peft_model(base, LoraConfig(r=args.r, lora_alpha=args.alpha, lora_dropout=0.0, use_rslora=args.rslora,
                                            target_modules=args.pattern or args.targets.split(","))).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(args.init_b * torch.randn(weight.shape))
    model.save_pretrained(args.out, safe_serialization=not args.bin)
    written = hf.write(args.outputs, hf.outputs(model, hf.read(args.inputs))) if args.inputs else {}
    hf.report(peft=peft.__version__, keys=sorted(get_peft_model_state_dict(model)), written=written)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    loading = commands.add_parser("load")
    for option in ("--base", "--adapter", "--inputs", "--out"):
        loading.add_argument(option, required=True)
    loading.set_defaults(run=load)
    making = commands.add_parser("make")
    making.add_argument("--base", required=True)
    making.add_argument("--out", required=True, help="the adapter folder")
    making.add_argument("--r", type=int, default=4)
    making.add_argument("--alpha", type=int, default=8)
    making.add_argument("--targets", default="q,v")
    making.add_argument("--pattern", help="a regular expression in place of names")
    making.add_argument("--rslora", action="store_true", help="scale by alpha / sqrt(r)")
    making.add_argument("--bin", action="store_true", help="write adapter_model.bin")
    making.add_argument("--seed", type=int, default=0)
    making.add_argument("--init-b", type=float, default=0.1, help="standard deviation of B; 0 leaves the base unchanged")
    making.add_argument("--inputs", help="also run the adapted model on these")
    making.add_argument("--outputs", help="and write its outputs here")
    making.set_defaults(run=make)
    args = parser.parse_args()
    if args.run is make and bool(args.inputs) != bool(args.outputs):
        parser.error("make needs --inputs and --outputs together")
    args.run(args)


if __name__ == "__main__":
    main()
