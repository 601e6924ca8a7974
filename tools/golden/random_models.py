"""Random checkpoints, written the way the public ones lie on disk, and read back by transformers in fp32."""

import json
import math
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
)

from spec import Spec

LABELS = ["nothate", "hate", "neutral", "sarcasm", "spam"]
TIED = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def make_t5(folder: Path, spec: Spec, eos_boost: float = 0.0) -> T5ForConditionalGeneration:
    """Writes a random T5 to `folder` and returns what transformers loads from it.

    `eos_boost` adds to the head's row of the eos token, so that some greedy sequences end before the limit.
    """
    config = T5Config(
        vocab_size=spec.vocab, d_model=spec.d_model, d_kv=spec.d_kv, d_ff=spec.d_ff, num_heads=spec.num_heads,
        num_layers=spec.num_layers, num_decoder_layers=spec.num_decoder_layers,
        relative_attention_num_buckets=spec.buckets, relative_attention_max_distance=spec.max_distance,
        feed_forward_proj="gated-gelu" if spec.family == "flan" else "relu",
        tie_word_embeddings=spec.family == "v10", dropout_rate=0.0, decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(spec.seed)
    names = {name: value.shape for name, value in model.state_dict().items() if name not in TIED}
    if spec.tied:
        del names["lm_head.weight"]
    weights = {name: random_weight(name, shape, generator) for name, shape in names.items()}
    if eos_boost:
        weights["shared.weight" if spec.tied else "lm_head.weight"][1] += eos_boost
    write_weights(folder, weights, spec)
    write_config(folder, model, spec)
    model.generation_config.save_pretrained(folder)
    loaded = T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    # transformers 5 ties the head unless the file has a different one: see the README.
    separate = loaded.lm_head.weight.data_ptr() != loaded.shared.weight.data_ptr()
    assert separate == (not spec.tied), f"{spec.name}: the head is {'separate' if separate else 'tied'} after loading"
    assert bool(loaded.config.scale_decoder_outputs) == (spec.family == "v10")
    return loaded


def make_classifier(folder: Path, spec: Spec) -> PreTrainedModel:
    """Writes a random RoBERTa or BERT sequence classifier and returns what transformers loads from it."""
    roberta = spec.kind == "roberta_classify"
    labels = [LABELS[i] if i < len(LABELS) else f"label{i}" for i in range(spec.labels)]
    special = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1) if roberta else dict(pad_token_id=0)
    config = (RobertaConfig if roberta else BertConfig)(
        vocab_size=spec.vocab, hidden_size=spec.hidden, intermediate_size=spec.intermediate,
        num_hidden_layers=spec.classifier_layers, num_attention_heads=spec.classifier_heads,
        max_position_embeddings=spec.positions, layer_norm_eps=spec.layer_norm_eps,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)}, **special,
    )
    kind = RobertaForSequenceClassification if roberta else BertForSequenceClassification
    model = kind(config)
    generator = torch.Generator().manual_seed(spec.seed)
    weights = {name: random_weight(name, value.shape, generator) for name, value in model.state_dict().items()}
    if spec.weights == "bin":
        # Published files of this age hold the position ids, a buffer that is no weight.
        weights[f"{model.base_model_prefix}.embeddings.position_ids"] = torch.arange(spec.positions)[None]
    write_weights(folder, weights, spec)
    write_config(folder, model, spec)
    return kind.from_pretrained(folder, dtype=torch.float32).eval()


def random_weight(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Values of a trained model's magnitude: matrices 1/sqrt(fan in), norms near 1, visible biases."""
    noise = torch.randn(shape, generator=generator)
    if "norm" in name.lower() and name.endswith("weight"):
        return 1 + 0.1 * noise
    if "relative_attention_bias" in name:
        return 0.5 * noise
    return 0.05 * noise if len(shape) == 1 else noise / math.sqrt(shape[-1])


def write_weights(folder: Path, weights: dict[str, torch.Tensor], spec: Spec) -> None:
    folder.mkdir(parents=True)
    dtype = getattr(torch, spec.dtype)
    weights = {name: value.to(dtype) if value.is_floating_point() else value for name, value in weights.items()}
    if spec.weights == "safetensors":
        save_torch_state_dict(weights, str(folder), max_shard_size=spec.shard_bytes or 10**12)
        return
    if "shared.weight" in weights:  # published T5 .bin files name the embedding three times, one storage
        weights |= {name: weights["shared.weight"] for name in TIED}
    torch.save(weights, folder / "pytorch_model.bin")


def write_config(folder: Path, model: PreTrainedModel, spec: Spec) -> None:
    model.config.architectures = [type(model).__name__]
    model.config.dtype = getattr(torch, spec.dtype)
    model.config.save_pretrained(folder)
    if not isinstance(model, T5ForConditionalGeneration) or spec.config_style == "v5":
        return
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["scale_decoder_outputs"]
    config["tie_word_embeddings"] = spec.family == "v10"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
