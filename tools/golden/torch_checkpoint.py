"""Records the checkpoint fixtures of packages/tensor/testdata.

    pip install torch==2.13.0 safetensors
    python tools/golden/torch_checkpoint.py packages/tensor/testdata

Writes the same tensors as torch.save writes them and, as the reference, as the safetensors library
writes them. The values are a formula, so the recording does not depend on a seed.
"""

import collections
import pathlib
import sys

import torch
from safetensors.torch import save_file


def values(*shape):
    return torch.arange(1, 1 + torch.Size(shape).numel(), dtype=torch.float32).reshape(shape) / 7 - 1


def checkpoint():
    table = values(6, 4)
    state = collections.OrderedDict()
    state["shared.weight"] = table
    state["lm_head.weight"] = table  # the same storage
    state["rows"] = table[2:5]  # a storage offset
    state["columns"] = table[:, 1:3]  # strides over gaps
    state["transposed"] = values(3, 5).t()
    state["permuted"] = values(2, 3, 4).permute(2, 0, 1)
    state["expanded"] = values(3, 1).expand(3, 4)  # stride 0
    state["parameter"] = torch.nn.Parameter(values(2, 2))
    state["scalar"] = torch.tensor(2.5)
    state["empty"] = torch.zeros(0, 3)
    state["f64"] = values(3).double()
    state["f16"] = values(3).half()
    state["bf16.t"] = values(2, 3).bfloat16().t()
    state["i64.t"] = (torch.arange(6).reshape(2, 3) - 2**40).t()
    state["i32"] = torch.tensor([-1, 2**31 - 1], dtype=torch.int32)
    state["i8"] = torch.tensor([-128, 127], dtype=torch.int8)
    state["u8.t"] = torch.arange(6, dtype=torch.uint8).reshape(2, 3).t()
    state["bool"] = torch.tensor([True, False, True])
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    return state


def main(folder):
    state = checkpoint()
    torch.save(state, folder / "checkpoint.bin")
    torch.save(dict(state), folder / "checkpoint_protocol4.bin", pickle_protocol=4)
    torch.save({"weight": values(2)}, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    dense = {name: t.detach().clone().contiguous() for name, t in state.items()}
    save_file(dense, folder / "checkpoint.safetensors", {"format": "pt"})


main(pathlib.Path(sys.argv[1]))
