"""Reads a file with the reference safetensors library and prints what it found as JSON.

    python safetensors_check.py FILE

`tensors`: name -> dtype as the header says it, shape, sha256 of the little-endian bytes. `metadata`: the header's.
"""

import argparse
import hashlib

import torch
from safetensors import safe_open

import hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    args = parser.parse_args()
    tensors = {}
    with safe_open(args.file, framework="pt") as file:
        for name in file.keys():
            value = file.get_tensor(name)
            data = value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
            tensors[name] = dict(dtype=file.get_slice(name).get_dtype(), shape=list(value.shape),
                                 sha256=hashlib.sha256(data).hexdigest())
        metadata = file.metadata()
    hf.report(tensors=tensors, metadata=metadata)


if __name__ == "__main__":
    main()
