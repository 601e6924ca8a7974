"""What the interop scripts share: loading a folder in fp32, running it on a file of inputs, printing JSON."""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

T5_INPUTS = ("input_ids", "attention_mask", "decoder_input_ids", "decoder_attention_mask")
CLASSIFIER_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def load_model(folder: str) -> transformers.PreTrainedModel:
    """The class that config.json names under `architectures`, in fp32 and evaluation mode."""
    torch.set_num_threads(1)
    architectures = json.loads((Path(folder) / "config.json").read_text()).get("architectures")
    if not architectures:
        sys.exit(f"{folder}/config.json: architectures is {architectures!r}, expected one class name of transformers")
    return getattr(transformers, architectures[0]).from_pretrained(folder, dtype=torch.float32).eval()


@torch.no_grad()
def outputs(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`logits`; of a classifier also `probs`; of T5 both last hidden states, and `logprobs` where there are `labels`.

    The names and the masking of padded encoder rows are those of the golden cases.
    """
    t5 = "decoder_input_ids" in inputs
    feeds = {name: inputs[name] for name in (T5_INPUTS if t5 else CLASSIFIER_INPUTS) if name in inputs}
    result = model(**feeds, output_hidden_states=True)
    logits = result.logits
    if not t5:
        return {"logits": logits, "probs": torch.softmax(logits, -1)}
    mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
    values = {"logits": logits, "encoder_last_hidden_state": result.encoder_last_hidden_state * mask[..., None],
              "decoder_last_hidden_state": result.decoder_hidden_states[-1]}
    if "labels" in inputs:
        values["logprobs"] = torch.log_softmax(logits, -1).gather(-1, inputs["labels"][..., None])[..., 0]
    return values


def read(path: str) -> dict[str, torch.Tensor]:
    return load_file(path)


def write(path: str, values: dict[str, torch.Tensor]) -> dict[str, list[int]]:
    """Writes safetensors and returns the shapes for the JSON report."""
    save_file({name: value.detach().contiguous().clone() for name, value in values.items()}, path)
    return {name: list(value.shape) for name, value in values.items()}


def report(**fields: object) -> None:
    print(json.dumps(fields))
