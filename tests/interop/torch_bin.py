"""Writes a model folder again as `pytorch_model.bin`, the way older ones lie on disk, and runs it.

    python torch_bin.py --model DIR --out DIR --inputs inputs.safetensors --outputs outputs.safetensors

A tied T5 names its embedding four times over one storage; a classifier carries its position ids, which are no weight.
"""

import argparse
import shutil
from pathlib import Path

import torch

import hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--model", "--out", "--inputs", "--outputs"):
        parser.add_argument(option, required=True)
    args = parser.parse_args()
    model, out = hf.load_model(args.model), Path(args.out)
    state = dict(model.state_dict())
    if hasattr(model.config, "max_position_embeddings"):
        state[f"{model.base_model_prefix}.embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    out.mkdir()
    shutil.copy(Path(args.model) / "config.json", out)
    torch.save(state, out / "pytorch_model.bin")
    hf.report(keys=sorted(state), written=hf.write(args.outputs, hf.outputs(model, hf.read(args.inputs))))


if __name__ == "__main__":
    main()
