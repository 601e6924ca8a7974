"""Steps of offline DPO on a small LoRA policy, by PyTorch's autograd.

Written from the paper (Rafailov et al. 2023, formula 7) and TRL's `DPOTrainer` with `loss_type` "sigmoid": log-probabilities
are summed over the tokens of a response; the metrics have TRL's names. TRL's trainer of today takes decoder-only models.
"""

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import logsigmoid

from case_folder import CaseFolder
from kind_group import padded
from kind_t5 import adapter_parameters, forward
from random_models import make_t5
from spec import Spec

STEPS, PAIRS, BETA = 3, 4, 0.3
SIDES = ("chosen", "rejected")
Tensors = dict[str, torch.Tensor]


def pair_inputs(spec: Spec, step: int, generator: torch.Generator) -> Tensors:
    """Queries and two responses to each, which end with eos."""

    def ids(low: int, high: int) -> torch.Tensor:
        length = int(torch.randint(low, high, (), generator=generator))
        return torch.randint(2, spec.vocab, (length,), generator=generator)

    tensors = {}
    for i in range(PAIRS):
        tensors[f"step{step}.query.{i}"] = ids(4, 12)
        for side in SIDES:
            tensors[f"step{step}.{side}.{i}"] = torch.cat([ids(1, 10), torch.tensor([1])])
    return tensors


def response_logps(model: torch.nn.Module, tensors: Tensors, step: int, side: str) -> torch.Tensor:
    query, attention = padded([tensors[f"step{step}.query.{i}"] for i in range(PAIRS)])
    labels, mask = padded([tensors[f"step{step}.{side}.{i}"] for i in range(PAIRS)])
    begin = torch.zeros(PAIRS, 1, dtype=torch.int64)
    inputs = {"input_ids": query, "attention_mask": attention, "labels": labels,
              "decoder_input_ids": torch.cat([begin, labels[:, :-1]], 1)}
    return (forward(model, inputs)["logprobs"] * mask).sum(1)


def record_dpo_steps(case: CaseFolder) -> None:
    spec = case.spec
    base = make_t5(case.model, spec)
    generator = torch.Generator().manual_seed(spec.seed + 1)
    torch.manual_seed(spec.seed + 2)
    lora = dict(r=spec.r, lora_alpha=spec.alpha, target_modules=spec.targets)
    model = get_peft_model(base, LoraConfig(lora_dropout=0.0, **lora)).eval()
    parameters = adapter_parameters(model)
    with torch.no_grad():
        for name, weight in parameters.items():
            if "lora_B" in name:
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
    case.tensors("start", dict(parameters))
    optimizer = torch.optim.Adam(parameters.values(), lr=spec.learning_rate, eps=1e-5)
    inputs, expected = {}, {}
    for step in range(STEPS):
        inputs |= (tensors := pair_inputs(spec, step, generator))
        policy = {side: response_logps(model, tensors, step, side) for side in SIDES}
        with torch.no_grad(), model.disable_adapter():
            reference = {side: response_logps(model, tensors, step, side) for side in SIDES}
        rewards = {side: BETA * (policy[side] - reference[side]) for side in SIDES}
        margins = rewards["chosen"] - rewards["rejected"]
        loss = -logsigmoid(margins).mean()
        optimizer.zero_grad()
        loss.backward()
        metrics = {"loss": loss, "rewards/accuracies": (margins > 0).float().mean(), "rewards/margins": margins.mean()}
        metrics |= {f"rewards/{side}": rewards[side].mean() for side in SIDES}
        metrics |= {f"logps/{side}": policy[side].mean() for side in SIDES}
        expected |= {f"step{step}.{name}": value for name, value in metrics.items()}
        expected |= {f"step{step}.reference_{side}": reference[side] for side in SIDES}
        if step == 0:
            expected |= {f"grad.{name}": weight.grad.clone() for name, weight in parameters.items()}
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
    case.tensors("inputs", inputs)
    case.tensors("expected", expected | dict(parameters))
    spec.atol = spec.rtol = 1e-5
    case.case(f"{STEPS} steps of offline DPO; the reference is the adapter switched off; start.safetensors: parameters before "
              "step 0; expected: parameters after the last step, metrics under TRL's names, log-probabilities of the reference, "
              "grad.* of step 0 before clipping",
              config=dict(beta=BETA, learning_rate=spec.learning_rate, max_grad_norm=1.0, adam_eps=1e-5, pairs=PAIRS,
                          steps=STEPS, lora=lora))
