"""The case of online DPO: steps of a small LoRA policy on pairs of responses, by PyTorch's autograd.

Written from the paper (Rafailov et al. 2023) and TRL's `OnlineDPOTrainer`, with loss_type "sigmoid": of the two responses to a prompt the
one with the higher score, less missing_eos_penalty where it has no eos, is the preferred; the first of two that are equal. Log-probabilities
are summed over the tokens of a response alone (TRL's `objective/kl` and `objective/entropy` also sum what the model says of padding).
"""

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model

from case_folder import CaseFolder
from kind_group import padded
from kind_t5 import adapter_parameters, forward
from random_models import make_t5

STEPS, BATCH, BETA, MISSING_EOS_PENALTY, MAX_NEW_TOKENS = 3, 8, 0.3, 0.7, 12


def step_inputs(spec, step: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Queries that two responses share, responses of which some lack an eos, scores, and the order of the pairs."""

    def ids(low: int, high: int) -> torch.Tensor:
        length = int(torch.randint(low, high, (), generator=generator))
        return torch.randint(2, spec.vocab, (length,), generator=generator)

    queries = [ids(4, 12) for _ in range(BATCH // 2)]
    tensors = {f"step{step}.query.{i}": queries[i // 2] for i in range(BATCH)}
    for i in range(BATCH):
        response = ids(2, MAX_NEW_TOKENS)
        tensors[f"step{step}.response.{i}"] = response if i % 3 == 2 else torch.cat([response, torch.tensor([1])])
    scores = 1.5 * torch.randn(BATCH, generator=generator)
    if step == 1:
        scores[:2] = 0.3  # a pair of equals
    return tensors | {f"step{step}.scores": scores, f"step{step}.order": torch.randperm(BATCH // 2, generator=generator)[None]}


def record_online_dpo_steps(case: CaseFolder) -> None:
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
        tensors = step_inputs(spec, step, generator)
        inputs |= tensors
        responses = [tensors[f"step{step}.response.{i}"] for i in range(BATCH)]
        query, attention = padded([tensors[f"step{step}.query.{i}"] for i in range(BATCH)])
        labels, mask = padded(responses)
        begin = torch.zeros(BATCH, 1, dtype=torch.int64)
        whole = {"input_ids": query, "attention_mask": attention, "labels": labels,
                 "decoder_input_ids": torch.cat([begin, labels[:, :-1]], 1)}
        mask = mask.float()
        contain_eos = torch.tensor([bool((response == 1).any()) for response in responses])
        scores = tensors[f"step{step}.scores"] - MISSING_EOS_PENALTY * (~contain_eos).float()
        with torch.no_grad():
            old = forward(model, whole)["logprobs"]
            with model.disable_adapter():
                ref = forward(model, whole)["logprobs"]
        pairs = scores.view(-1, 2)
        first = pairs[:, 0] >= pairs[:, 1]
        offset = 2 * torch.arange(BATCH // 2)
        chosen, rejected = offset + (~first).long(), offset + first.long()
        kl = ((old - ref) * mask).sum(1)
        averages: dict[str, list[torch.Tensor]] = {}
        order, size = tensors[f"step{step}.order"][0], spec.mini_batch_size // 2
        for start in range(0, BATCH // 2, size):
            rows = order[start:start + size]
            both = torch.cat([chosen[rows], rejected[rows]])
            now = forward(model, {key: value[both] for key, value in whole.items()})["logprobs"]
            logps = (now * mask[both]).sum(1)
            chosen_logps, rejected_logps = logps.chunk(2)
            chosen_ref, rejected_ref = (ref[both] * mask[both]).sum(1).chunk(2)
            logits = (chosen_logps - rejected_logps) - (chosen_ref - rejected_ref)
            loss = -F.logsigmoid(BETA * logits).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
            optimizer.step()
            rewards = BETA * (chosen_logps - chosen_ref), BETA * (rejected_logps - rejected_ref)
            for name, value in {"ppo/loss/total": loss, "rewards/chosen": rewards[0], "rewards/rejected": rewards[1],
                                "rewards/accuracies": (rewards[0] > rewards[1]).float(), "rewards/margins": rewards[0] - rewards[1],
                                "logps/chosen": chosen_logps, "logps/rejected": rejected_logps}.items():
                averages.setdefault(name, []).append(value.detach().mean())
        statistics = {name: torch.stack(values).mean() for name, values in averages.items()} | {
            "objective/kl": kl.mean(), "objective/entropy": -(old * mask).sum(1).mean(),
            "objective/non_score_reward": (-BETA * kl).mean(), "objective/rlhf_reward": (scores - BETA * kl).mean(),
            "objective/scores": scores.mean(), "objective/scores_margin": (scores[chosen] - scores[rejected]).mean(),
            "val/contain_eos_token": contain_eos.float().mean(), "beta": torch.tensor(BETA),
        }
        expected |= {f"step{step}.{name}": value for name, value in statistics.items()}
    case.tensors("inputs", inputs)
    case.tensors("expected", expected | dict(parameters))
    spec.atol = spec.rtol = 1e-5
    case.case(f"{STEPS} steps of online DPO; the two responses to a prompt follow each other; the reference is the adapter switched off; "
              "start.safetensors: parameters before step 0; expected: parameters after the last step, and statistics; step<i>.order [1, pairs]: "
              "consecutive runs of mini_batch_size / 2 are the pairs of the mini-batches",
              config=dict(batch_size=BATCH, mini_batch_size=spec.mini_batch_size, learning_rate=spec.learning_rate, max_grad_norm=1.0,
                          adam_eps=1e-5, beta=BETA, missing_eos_penalty=MISSING_EOS_PENALTY, lora=lora))
