"""Loads a model folder with transformers (T5 or a sequence classifier) and writes its outputs for given inputs.

    python transformers_logits.py --model DIR --inputs inputs.safetensors --out outputs.safetensors [--greedy 24]

Prints JSON: class, parameters, keys the checkpoint lacked or had too many, shapes written.
"""

import argparse
import json
from pathlib import Path

import torch
import transformers

import hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--greedy", type=int, default=0, metavar="N", help="also write `sequences` of N new tokens (T5)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    name = json.loads((Path(args.model) / "config.json").read_text())["architectures"][0]
    model, info = getattr(transformers, name).from_pretrained(args.model, dtype=torch.float32, output_loading_info=True)
    model.eval()
    inputs = hf.read(args.inputs)
    values = hf.outputs(model, inputs) if not args.greedy or "decoder_input_ids" in inputs else {}
    if args.greedy:
        # No cache: transformers 5.18 makes one of num_layers entries, too few for a deeper decoder.
        values["sequences"] = model.generate(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"],
                                             do_sample=False, max_new_tokens=args.greedy, use_cache=False)
    labels = model.config.id2label if hasattr(model, "num_labels") and "Classification" in name else None
    hf.report(architecture=name, transformers=transformers.__version__, labels=labels,
              parameters=sum(p.numel() for p in model.parameters()),
              missing_keys=sorted(info["missing_keys"]), unexpected_keys=sorted(info["unexpected_keys"]),
              written=hf.write(args.out, values))


if __name__ == "__main__":
    main()
