"""TRL on the other side of an adapter folder with a value head.

    python trl_value_head.py --adapter DIR --out DIR --inputs inputs.safetensors --outputs outputs.safetensors

Loads the folder (its `base_model_name_or_path` is a folder too), writes `logits` and `values`, and saves it again.
"""

import argparse
from pathlib import Path

import torch
from trl import AutoModelForSeq2SeqLMWithValueHead

import hf


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--adapter", "--out", "--inputs", "--outputs"):
        parser.add_argument(option, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = AutoModelForSeq2SeqLMWithValueHead.from_pretrained(args.adapter, is_trainable=True).eval()
    inputs = hf.read(args.inputs)
    logits, _, values = model(**{name: inputs[name] for name in hf.T5_INPUTS if name in inputs})
    written = hf.write(args.outputs, {"logits": logits, "values": values})
    Path(args.out).mkdir()
    model.save_pretrained(args.out)
    hf.report(is_peft_model=model.is_peft_model, written=written)


if __name__ == "__main__":
    main()
