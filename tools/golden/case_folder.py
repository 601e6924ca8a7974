"""The layout of one case: case.json and safetensors files beside a model folder."""

import json
import shutil
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import save_file

from spec import Spec

PARTS = {"case.json", "model", "adapter", "inputs.safetensors", "expected.safetensors", "start.safetensors"}


class CaseFolder:
    """An empty folder `<out>/<spec.name>`; an older recording there is replaced."""

    def __init__(self, out: Path, spec: Spec) -> None:
        self.path = out / spec.name
        self.spec = spec
        if self.path.exists():
            foreign = sorted({entry.name for entry in self.path.iterdir()} - PARTS)
            if foreign:
                raise FileExistsError(f"{self.path} exists and holds {foreign}, no part of a case: name another --out")
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True)

    @property
    def model(self) -> Path:
        return self.path / "model"

    def tensors(self, name: str, values: dict[str, torch.Tensor]) -> None:
        """Writes `<name>.safetensors`; scalars become shape [1]."""
        flat = {key: value.detach().reshape(value.shape or (1,)).contiguous().clone() for key, value in values.items()}
        save_file(flat, str(self.path / f"{name}.safetensors"))

    def case(self, notes: str, **more: object) -> None:
        """Writes case.json: kind, seed, tolerances, versions, notes, and the kind's own fields."""
        spec = self.spec
        fields = dict(kind=spec.kind, seed=spec.seed, atol=spec.atol, rtol=spec.rtol, notes=notes, **more,
                      torch=torch.__version__, transformers=transformers.__version__, peft=peft.__version__)
        (self.path / "case.json").write_text(json.dumps(fields, indent=1) + "\n")
