"""Cases of a T5 model: forward values, greedy sequences, gradients of the PPO loss through LoRA."""

import json
import shutil

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from transformers import T5ForConditionalGeneration

from case_folder import CaseFolder
from random_models import make_t5
from spec import Spec

Tensors = dict[str, torch.Tensor]
CLIPRANGE, CLIPRANGE_VALUE, VF_COEF = 0.2, 0.2, 0.1


def lengths(batch: int, longest: int, generator: torch.Generator) -> list[int]:
    """The first row is full; the others have one random length each, at least 2 and one less than full."""
    top = max(3, longest)
    return [longest] + [min(longest, int(torch.randint(2, top, (), generator=generator))) for _ in range(batch - 1)]


def encoder_inputs(spec: Spec, generator: torch.Generator) -> Tensors:
    ids = torch.randint(2, spec.vocab, (spec.batch, spec.encoder_length), generator=generator)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths(spec.batch, spec.encoder_length, generator)):
        mask[row, :length] = 1
    return {"input_ids": ids * mask, "attention_mask": mask}


def teacher_inputs(spec: Spec, generator: torch.Generator) -> Tensors:
    """Encoder inputs, labels padded with 0, and decoder inputs: the start token (0), then labels shifted right."""
    inputs = encoder_inputs(spec, generator)
    labels = torch.randint(2, spec.vocab, (spec.batch, spec.decoder_length), generator=generator)
    mask = torch.zeros_like(labels)
    for row, length in enumerate(lengths(spec.batch, spec.decoder_length, generator)):
        mask[row, :length] = 1
    labels = labels * mask
    start = torch.zeros(spec.batch, 1, dtype=torch.int64)
    return inputs | {"labels": labels, "labels_mask": mask, "decoder_input_ids": torch.cat([start, labels[:, :-1]], 1)}


def forward(model: torch.nn.Module, inputs: Tensors) -> Tensors:
    """Logits, log-probabilities of the labels and both last hidden states. No decoder padding mask."""
    out = model(**{key: inputs[key] for key in ("input_ids", "attention_mask", "decoder_input_ids")},
                output_hidden_states=True)
    logprobs = torch.log_softmax(out.logits, -1).gather(-1, inputs["labels"][..., None])[..., 0]
    return {
        "encoder_last_hidden_state": out.encoder_last_hidden_state * inputs["attention_mask"][..., None],
        "decoder_last_hidden_state": out.decoder_hidden_states[-1], "logits": out.logits, "logprobs": logprobs,
    }


def record_forward(case: CaseFolder) -> None:
    model = make_t5(case.model, case.spec)
    inputs = teacher_inputs(case.spec, torch.Generator().manual_seed(case.spec.seed + 1))
    with torch.no_grad():
        expected = forward(model, inputs)
    case.tensors("inputs", inputs)
    case.tensors("expected", expected)
    case.case("encoder_last_hidden_state is multiplied by attention_mask[...,None]; decoder rows attend to all earlier "
              "decoder positions (no decoder padding mask); logprobs = log_softmax(logits)[labels]; "
              "decoder_last_hidden_state is after the final layer norm")


def greedy(model: T5ForConditionalGeneration, inputs: Tensors, max_new_tokens: int) -> tuple[torch.Tensor, float]:
    """The sequences, and the smallest distance between the best and the second logit of any step that counted."""
    # No cache: transformers 5.18 makes one of num_layers entries, too few for a deeper decoder.
    out = model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=max_new_tokens, use_cache=False,
                         output_logits=True, return_dict_in_generate=True)
    best = torch.stack(out.logits, 1).topk(2, -1).values  # [batch, steps, 2]
    chosen = out.sequences[:, 1:]
    alive = torch.cumsum(chosen == 1, 1) - (chosen == 1).long() == 0
    return out.sequences, float((best[..., 0] - best[..., 1])[alive].min())


def record_greedy(case: CaseFolder) -> None:
    """Looks for a model whose rows end at different steps and whose choices no rounding error can turn."""
    spec, attempts = case.spec, 60
    for attempt in range(attempts):
        shutil.rmtree(case.model, ignore_errors=True)
        tried = Spec(**{**vars(spec), "seed": spec.seed + 1000 * attempt})
        model = make_t5(case.model, tried, eos_boost=0.08 * (attempt % 4))
        inputs = encoder_inputs(spec, torch.Generator().manual_seed(tried.seed + 1))
        sequences, gap = greedy(model, inputs, spec.max_new_tokens)
        ended = (sequences[:, 1:] == 1).any(1)
        varied = spec.batch == 1 or (bool(ended.any()) and not bool(ended.all()))
        if gap > 2e-3 and varied and len(sequences.unique()) > 4:
            break
    else:
        raise RuntimeError(f"{spec.name}: no greedy case with clear choices in {attempts} models: change --seed")
    case.tensors("inputs", inputs)
    case.tensors("expected", {"sequences": sequences})
    spec.atol = spec.rtol = 0
    case.case(f"generate(do_sample=False, max_new_tokens={spec.max_new_tokens}); first column is "
              "decoder_start_token_id; pad after eos")


def ppo_loss(model: torch.nn.Module, v_head: torch.nn.Linear, inputs: Tensors) -> Tensors:
    """Clipped PPO loss and its parts; every mean is over the mask of the labels."""
    out = forward(model, inputs)
    values = v_head(out["decoder_last_hidden_state"])[..., 0]
    mask = inputs["labels_mask"].float()

    def mean(x: torch.Tensor) -> torch.Tensor:
        return (x * mask).sum() / mask.sum()

    ratio = torch.exp(out["logprobs"] - inputs["old_logprobs"])
    advantages, returns, old = inputs["advantages"], inputs["returns"], inputs["old_values"]
    pg_loss = mean(torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - CLIPRANGE, 1 + CLIPRANGE)))
    clipped = torch.max(torch.min(values, old + CLIPRANGE_VALUE), old - CLIPRANGE_VALUE)
    vf_loss = 0.5 * mean(torch.max((values - returns) ** 2, (clipped - returns) ** 2))
    logp = torch.log_softmax(out["logits"], -1)
    return {"loss": pg_loss + VF_COEF * vf_loss, "pg_loss": pg_loss, "vf_loss": vf_loss,
            "entropy": mean(-(logp.exp() * logp).sum(-1)), "logprobs": out["logprobs"], "values": values}


def record_lora_grad(case: CaseFolder) -> None:
    spec = case.spec
    base = make_t5(case.model, spec)
    generator = torch.Generator().manual_seed(spec.seed + 1)
    torch.manual_seed(spec.seed + 2)
    model = get_peft_model(base, LoraConfig(r=spec.r, lora_alpha=spec.alpha, target_modules=spec.targets, lora_dropout=0.0))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(0.2 * torch.randn(weight.shape, generator=generator))
    v_head = torch.nn.Linear(spec.d_model, 1)
    with torch.no_grad():
        v_head.weight.copy_(0.3 * torch.randn(v_head.weight.shape, generator=generator))
        v_head.bias.copy_(0.1 * torch.randn(1, generator=generator))
    save_adapter(model, case)

    inputs = teacher_inputs(spec, generator)
    with torch.no_grad():
        out = forward(model, inputs)
        shape, values = out["logprobs"].shape, v_head(out["decoder_last_hidden_state"])[..., 0]

    def noise(scale: float) -> torch.Tensor:
        return scale * torch.randn(shape, generator=generator)

    # The noise is wide enough that some tokens are clipped in each loss and some are not.
    inputs |= {"old_logprobs": out["logprobs"] + noise(0.2), "old_values": values + noise(0.3),
               "returns": values + noise(1.0), "advantages": noise(1.3)}
    expected = ppo_loss(model, v_head, inputs)
    expected["loss"].backward()
    expected |= {f"grad.{name}": weight.grad for name, weight in adapter_parameters(model).items()}
    expected |= {"grad.v_head.summary.weight": v_head.weight.grad, "grad.v_head.summary.bias": v_head.bias.grad}
    inputs |= {"v_head.summary.weight": v_head.weight, "v_head.summary.bias": v_head.bias}
    case.tensors("inputs", inputs)
    case.tensors("expected", expected)
    case.case(f"PPO loss with cliprange={CLIPRANGE}, cliprange_value={CLIPRANGE_VALUE}, vf_coef={VF_COEF}, masked means "
              "over labels_mask; values = v_head(decoder_last_hidden_state); adapter/ is PEFT's own file "
              f"(scaling = lora_alpha / r = {spec.alpha / spec.r:g})")


def adapter_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The trainable matrices under the keys PEFT saves them with."""
    parameters = {name.replace(".default.", "."): p for name, p in model.named_parameters() if ".lora_" in name}
    assert set(parameters) == set(get_peft_model_state_dict(model))
    return parameters


def save_adapter(model: torch.nn.Module, case: CaseFolder) -> None:
    """PEFT's own files, without the model card, and without the path of this machine."""
    folder = case.path / "adapter"
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text()) | {"base_model_name_or_path": None, "target_modules": sorted(case.spec.targets)}
    path.write_text(json.dumps(config, indent=2) + "\n")
