"""Writes tiny models and adapters as people have them, with what transformers and PEFT make of them.

    .venv/bin/python tools/golden/record_files.py --out packages/models/testdata/files

One folder a case: the files, and `expected.json`. Cases of `kind` "policy" hold log-probabilities of the responses' tokens,
one after another, and may have a `base` in another folder; those of "classifier" hold logits and the probabilities that
the pipeline makes of them, a row a text, a text being token ids, where it is a pair with the type of each, that are
padded with `pad_token_id` under the mask.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSeq2SeqLM, AutoModelForSequenceClassification, RobertaForSequenceClassification,
    T5ForConditionalGeneration, TextClassificationPipeline,
)

QUERIES = [[5, 6, 7, 1], [11, 3, 4, 20, 21, 1]]
RESPONSES = [[9, 8, 1], [12, 13, 14, 15, 1]]
# Some texts hold the ids that models use as padding, 0 and 1.
TEXTS = [[0, 5, 6, 2], [0, 7, 1, 1, 8, 2], [3, 0, 0, 9, 4, 1, 2], [1, 5]]
PAIRS = [[0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1], [0, 0]]


def randomise(model, seed, std=0.4):
    """Weights large enough that every part of the model counts; norms near 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = "norm" in name.lower() and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if is_norm else std * noise)
    return model.eval()


def t5(family="T5", **fields):
    config = getattr(transformers, f"{family}Config")(
        vocab_size=24, d_model=8, d_kv=3, d_ff=10, num_heads=2, num_layers=2, num_decoder_layers=2,
        relative_attention_num_buckets=8, relative_attention_max_distance=12, dropout_rate=0.0,
        decoder_start_token_id=0, **{"feed_forward_proj": "gated-gelu", **fields},
    )
    return randomise(getattr(transformers, f"{family}ForConditionalGeneration")(config), 1)


def logprobs(model):
    found = []
    for query, response in zip(QUERIES, RESPONSES):
        start = [0, *response[:-1]]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([query]), decoder_input_ids=torch.tensor([start])).logits[0]
        found += logits.log_softmax(-1)[range(len(response)), response].tolist()
    return found


def write(folder, expected):
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    for name in ("README.md", "generation_config.json"):
        (folder / name).unlink(missing_ok=True)


def policy(folder, base=None):
    """Loads the folder again, as a user would."""
    model = AutoModelForSeq2SeqLM.from_pretrained(base or folder)
    if base:
        model = PeftModel.from_pretrained(model, folder)
    write(folder, {"kind": "policy", "queries": QUERIES, "responses": RESPONSES, "logprobs": logprobs(model.eval()),
                   **({"base": base.name} if base else {})})


def adapter(out, name, base, **fields):
    config = LoraConfig(**{"r": 2, "lora_alpha": 6, "target_modules": ["q", "v"], **fields})
    model = get_peft_model(T5ForConditionalGeneration.from_pretrained(base), config)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for key, parameter in sorted(model.named_parameters()):
            if "lora_" in key:
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(out / name)
    sort_targets(out / name)
    policy(out / name, base)


def sort_targets(folder):
    """PEFT writes a set in any order."""
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    file.write_text(json.dumps(config, indent=1) + "\n")


def texts_through(model, pad, types=None):
    """`types` holds the token types of each text, as a tokenizer gives them for pairs."""
    logits, probabilities = [], []
    pipeline = TextClassificationPipeline.__new__(TextClassificationPipeline)
    pipeline.model = model
    texts = [{"ids": ids, **({"tokenTypeIds": types[i]} if types else {})} for i, ids in enumerate(TEXTS)]
    for i, text in enumerate(TEXTS):
        ids = torch.tensor([text + [pad] * (8 - len(text))])
        mask = torch.tensor([[1] * len(text) + [0] * (8 - len(text))])
        with torch.no_grad():
            told = {"token_type_ids": torch.tensor([types[i] + [0] * (8 - len(text))])} if types else {}
            output = model(input_ids=ids, attention_mask=mask, **told)
        logits.append(output.logits[0].tolist())
        scores = pipeline.postprocess({"logits": output.logits}, top_k=None, _legacy=False)
        by_label = {score["label"]: score["score"] for score in scores}
        probabilities.append([by_label[model.config.id2label[i]] for i in range(model.config.num_labels)])
    return {"kind": "classifier", "texts": texts, "logits": logits, "probabilities": probabilities}


def classifier(out, name, family, save=lambda model, folder: model.save_pretrained(folder), types=None, **fields):
    shape = dict(vocab_size=16, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=20,
                 hidden_dropout_prob=0.0, pad_token_id=1 if "oberta" in family or family == "Camembert" else 0)
    shape |= dict(hidden_dim=12) if family == "DistilBert" else dict(intermediate_size=12, type_vocab_size=1)
    config = getattr(transformers, f"{family}Config")(**{**shape, **fields})
    folder = out / name
    save(randomise(getattr(transformers, f"{family}ForSequenceClassification")(config), 3), folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    write(folder, texts_through(model, config.pad_token_id, types))


def with_names(rename):
    """Saves under other keys."""
    def save(model, folder):
        model.save_pretrained(folder)
        file = folder / "model.safetensors"
        save_file({rename(key): value for key, value in load_file(file).items()}, file, {"format": "pt"})
    return save


def two_tables(out):
    folder = out / "t5_two_tables"
    t5().save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    generator = torch.Generator().manual_seed(9)
    tensors["decoder.embed_tokens.weight"] = 0.4 * torch.randn(24, 8, generator=generator)
    save_file(tensors, file, {"format": "pt"})
    policy(folder)


def sequence_classifier_adapter(out):
    base = RobertaForSequenceClassification.from_pretrained(out / "roberta")
    config = LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=6, target_modules=["query", "value"])
    model = get_peft_model(base, config)
    randomise(model, 11)
    model.save_pretrained(out / "adapter_seq_cls")
    sort_targets(out / "adapter_seq_cls")
    loaded = RobertaForSequenceClassification.from_pretrained(out / "roberta")
    model = PeftModel.from_pretrained(loaded, out / "adapter_seq_cls").eval()
    write(out / "adapter_seq_cls", {"base": "roberta", **texts_through(model, 1)})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    for name in ("relu", "gelu", "silu", "gated-relu", "gated-silu", "gated-gelu"):
        folder = out / f"t5_{name}"
        t5(feed_forward_proj=name).save_pretrained(folder)
        policy(folder)
    for name, family in (("mt5", "MT5"), ("umt5", "UMT5")):
        t5(family).save_pretrained(out / name)
        policy(out / name)
    two_tables(out)
    base = out / "t5_gated-gelu"
    adapter(out, "adapter_rank_pattern", base, rank_pattern={"q": 1, r"decoder.*EncDecAttention\.v": 3})
    adapter(out, "adapter_alpha_pattern", base, alpha_pattern={r"encoder.*\.v": 2, "v": 11})
    adapter(out, "adapter_rslora", base, use_rslora=True, rank_pattern={r"block\.1.*\.q": 3}, alpha_pattern={"v": 4})
    adapter(out, "adapter_layers", base, layers_to_transform=[1], layers_pattern="block")
    adapter(out, "adapter_exclude", base, exclude_modules=r"decoder.*SelfAttention.*")
    adapter(out, "adapter_regex", base, target_modules=r"(?P<stack>encoder|decoder)\.block\.\d+\.layer\.0\.SelfAttention\.(q|o)")
    classifier(out, "roberta", "Roberta", id2label={0: "a", 1: "b", 2: "c"})
    classifier(out, "roberta_pad0", "Roberta", pad_token_id=0)
    classifier(out, "roberta_regression", "Roberta", num_labels=1, problem_type="regression")
    classifier(out, "bert_multilabel", "Bert", num_labels=3, problem_type="multi_label_classification", type_vocab_size=2)
    classifier(out, "bert_one_label", "Bert", num_labels=1, hidden_act="silu", type_vocab_size=2)
    classifier(out, "bert_gamma_beta", "Bert", type_vocab_size=2, save=with_names(
        lambda key: key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")))
    classifier(out, "bert_pairs", "Bert", type_vocab_size=2, types=PAIRS)
    classifier(out, "electra_pairs", "Electra", type_vocab_size=2, types=PAIRS)
    classifier(out, "xlm_roberta", "XLMRoberta")
    classifier(out, "camembert", "Camembert")
    classifier(out, "distilbert", "DistilBert", activation="relu")
    classifier(out, "electra", "Electra", embedding_size=6, type_vocab_size=2)
    sequence_classifier_adapter(out)


if __name__ == "__main__":
    main()
