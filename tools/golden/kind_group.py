"""The cases of GRPO and RLOO: their arithmetic, and steps of a small LoRA policy, by PyTorch's autograd.

Written from the papers (Shao et al. 2024, Ahmadian et al. 2024) and TRL's conventions: unbiased deviations plus 1e-4,
k3 in GRPO's loss, k1 in RLOO's reward, a response as one action in RLOO.
"""

import torch
from peft import LoraConfig, get_peft_model

from case_folder import CaseFolder
from kind_t5 import adapter_parameters, forward
from random_models import make_t5
from spec import Spec

STEPS, BATCH, ITERATIONS = 3, 8, 2
EPSILON, EPSILON_HIGH, BETA, HORIZON, MAX_NEW_TOKENS = 0.2, 0.28, 0.1, 100, 12
LOSS_TYPES = ("grpo", "bnpo", "dr_grpo")
Tensors = dict[str, torch.Tensor]


def group_advantages(rewards: torch.Tensor, size: int, scale: str) -> torch.Tensor:
    groups = rewards.view(-1, size)
    centred = groups - groups.mean(1, keepdim=True)
    if scale == "group":
        centred = centred / (groups.std(1, keepdim=True) + 1e-4)
    elif scale == "batch":
        centred = centred / (rewards.std() + 1e-4)
    return centred.reshape(-1)


def leave_one_out(rewards: torch.Tensor, size: int, normalize: bool) -> torch.Tensor:
    groups = rewards.view(-1, size)
    others = torch.stack([torch.cat([groups[:, :j], groups[:, j + 1:]], 1).mean(1) for j in range(size)], 1)
    advantages = (groups - others).reshape(-1)
    return (advantages - advantages.mean()) / (advantages.std() + 1e-4) if normalize else advantages


def surrogate(log_ratio: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    ratio = log_ratio.exp()
    return -torch.min(advantages * ratio, advantages * ratio.clamp(1 - EPSILON, 1 + EPSILON_HIGH))


def clipped(log_ratio: torch.Tensor, advantages: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    ratio = log_ratio.exp()
    return (ratio < 1 - EPSILON) & (advantages < 0), (ratio > 1 + EPSILON_HIGH) & (advantages > 0)


def k3(logprobs: torch.Tensor, ref: torch.Tensor) -> torch.Tensor:
    return torch.exp(ref - logprobs) - (ref - logprobs) - 1


def grpo_tokens(x: Tensors, advantages: torch.Tensor, beta: float) -> torch.Tensor:
    """Loss of every token, `[batch, time]`, before tokens are added up."""
    policy = surrogate(x["logprobs"] - x["old_logprobs"], advantages[:, None])
    return policy + beta * k3(x["logprobs"], x["ref_logprobs"])


def add_up(tokens: torch.Tensor, mask: torch.Tensor, loss_type: str) -> torch.Tensor:
    if loss_type == "grpo":
        return ((tokens * mask).sum(1) / mask.sum(1)).mean()
    return (tokens * mask).sum() / (mask.sum() if loss_type == "bnpo" else len(mask) * MAX_NEW_TOKENS)


def log_ratios(x: Tensors) -> torch.Tensor:
    return ((x["logprobs"] - x["old_logprobs"]) * x["mask"]).sum(1)


def masked_mean(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (x.float() * mask).sum() / mask.sum()


def record_group_math(case: CaseFolder) -> None:
    spec = case.spec
    generator = torch.Generator().manual_seed(spec.seed)
    shape = (spec.batch, spec.decoder_length)
    length = torch.randint(1, shape[1] + 1, (shape[0],), generator=generator)
    length[0] = shape[1]

    def noise(scale: float) -> torch.Tensor:
        return scale * torch.randn(shape, generator=generator)

    old = -3 * torch.rand(shape, generator=generator)
    scores = 2 * torch.randn(spec.batch, generator=generator)
    scores[spec.group_size:2 * spec.group_size] = 0.7  # a group of equals
    x = {"old_logprobs": old, "logprobs": old + noise(0.25), "ref_logprobs": old + noise(0.25), "scores": scores,
         "mask": (torch.arange(shape[1])[None] < length[:, None]).float()}
    mask, size = x["mask"], spec.group_size
    expected = {f"advantages.{scale}": group_advantages(scores, size, scale) for scale in ("group", "batch", "none")}
    advantages = expected["advantages.group"]
    tokens = grpo_tokens(x, advantages, BETA)
    expected["grpo.tokens"] = tokens * mask
    expected |= {f"grpo.loss.{kind}": add_up(tokens, mask, kind) for kind in LOSS_TYPES}
    low, high = clipped(x["logprobs"] - old, advantages[:, None])
    expected |= {"grpo.clip_low": masked_mean(low, mask), "grpo.clip_high": masked_mean(high, mask)}
    rewards = scores - BETA * ((old - x["ref_logprobs"]) * mask).sum(1)
    leave = leave_one_out(rewards, size, False)
    sequences = surrogate(log_ratios(x), leave)
    low, high = clipped(log_ratios(x), leave)
    expected |= {"rloo.rewards": rewards, "rloo.advantages": leave,
                 "rloo.normalized": leave_one_out(rewards, size, True), "rloo.sequences": sequences,
                 "rloo.loss": sequences.mean(), "rloo.clip_low": low.float().mean(), "rloo.clip_high": high.float().mean()}
    zero = (scores.view(-1, size).std(1) < 1e-8).float().mean()
    case.tensors("inputs", x)
    case.tensors("expected", expected | {"frac_reward_zero_std": zero})
    spec.atol = spec.rtol = 1e-5
    case.case("responses to a prompt follow each other; grpo.* under advantages.group, with the KL (k3) in tokens and losses; "
              "rloo.* under the KL (k1, old_logprobs) in rewards",
              config=dict(group_size=size, epsilon=EPSILON, epsilon_high=EPSILON_HIGH, beta=BETA, max_new_tokens=MAX_NEW_TOKENS))


def step_inputs(spec: Spec, step: int, generator: torch.Generator) -> Tensors:
    """Queries that the responses of a group share, responses that end with eos, scores, and the order of mini-batches."""

    def ids(low: int, high: int) -> torch.Tensor:
        length = int(torch.randint(low, high, (), generator=generator))
        return torch.randint(2, spec.vocab, (length,), generator=generator)

    queries = [ids(4, 12) for _ in range(BATCH // spec.group_size)]
    tensors = {f"step{step}.query.{i}": queries[i // spec.group_size] for i in range(BATCH)}
    tensors |= {f"step{step}.response.{i}": torch.cat([ids(2, MAX_NEW_TOKENS), torch.tensor([1])]) for i in range(BATCH)}
    scores = 1.5 * torch.randn(BATCH, generator=generator)
    if step == 1:
        scores[:spec.group_size] = 0.3  # a group of equals
    order = torch.stack([torch.randperm(BATCH, generator=generator) for _ in range(ITERATIONS)])
    return tensors | {f"step{step}.scores": scores, f"step{step}.order": order}


def padded(rows: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(row), dtype=torch.int64) for row in rows], True, 0)
    return torch.nn.utils.rnn.pad_sequence(rows, True, 0), mask


def record_steps(case: CaseFolder, algorithm: str) -> None:
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
    inputs, expected, beta, size = {}, {}, BETA, spec.group_size
    for step in range(STEPS):
        tensors = step_inputs(spec, step, generator)
        inputs |= tensors
        query, attention = padded([tensors[f"step{step}.query.{i}"] for i in range(BATCH)])
        labels, mask = padded([tensors[f"step{step}.response.{i}"] for i in range(BATCH)])
        begin = torch.zeros(BATCH, 1, dtype=torch.int64)
        whole = {"input_ids": query, "attention_mask": attention, "labels": labels,
                 "decoder_input_ids": torch.cat([begin, labels[:, :-1]], 1)}
        mask, scores = mask.float(), tensors[f"step{step}.scores"]
        with torch.no_grad():
            old = forward(model, whole)["logprobs"]
            with model.disable_adapter():
                ref = forward(model, whole)["logprobs"]
        kl = ((k3(old, ref) if algorithm == "grpo" else old - ref) * mask).sum(1)
        if algorithm == "grpo":
            rewards, advantages = scores, group_advantages(scores, size, "group")
        else:
            rewards = scores - beta * kl
            advantages = leave_one_out(rewards, size, True)
        expected[f"step{step}.advantages"] = advantages
        losses, low_shares, high_shares = [], [], []
        for epoch, order in enumerate(tensors[f"step{step}.order"]):
            for start in range(0, BATCH, spec.mini_batch_size):
                rows = order[start:start + spec.mini_batch_size]
                x = {"logprobs": forward(model, {key: value[rows] for key, value in whole.items()})["logprobs"],
                     "old_logprobs": old[rows], "ref_logprobs": ref[rows], "mask": mask[rows]}
                chosen = advantages[rows]
                if algorithm == "grpo":
                    parts = grpo_tokens(x, chosen, beta)
                    loss = add_up(parts, x["mask"], spec.loss_type)
                    low, high = (masked_mean(c, x["mask"]) for c in clipped(x["logprobs"] - x["old_logprobs"], chosen[:, None]))
                    parts = parts * x["mask"]
                else:
                    parts = surrogate(log_ratios(x), chosen)
                    loss = parts.mean()
                    low, high = (c.float().mean() for c in clipped(log_ratios(x), chosen))
                optimizer.zero_grad()
                loss.backward()
                if step == 1 and epoch == 1 and start == 0:  # here policy, rollout and reference all differ
                    expected["parts"] = parts
                    expected |= {f"grad.{name}": weight.grad.clone() for name, weight in parameters.items()}
                    inputs |= {f"before.{name}": weight.clone() for name, weight in parameters.items()}
                torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
                optimizer.step()
                losses.append(loss.detach())
                low_shares.append(low)
                high_shares.append(high)
        groups = rewards.view(-1, size)
        statistics = {
            "ppo/loss/total": torch.stack(losses).mean(), "clip_ratio/low_mean": torch.stack(low_shares).mean(),
            "clip_ratio/high_mean": torch.stack(high_shares).mean(), "objective/kl": kl.mean(),
            "objective/kl_coef": torch.tensor(beta), "kl": kl.sum() / mask.sum(), "reward": rewards.mean(),
            "reward_std": rewards.std(), "frac_reward_zero_std": (groups.std(1) < 1e-8).float().mean(),
        }
        expected |= {f"step{step}.{name}": value for name, value in statistics.items()}
        error = min(0.2, max(-0.2, float(kl.mean()) / spec.kl_target - 1))
        beta *= 1 + error * BATCH / HORIZON
    case.tensors("inputs", inputs)
    case.tensors("expected", expected | dict(parameters))
    spec.atol = spec.rtol = 1e-5
    case.case(f"{STEPS} steps of {algorithm}; the reference is the adapter switched off; start.safetensors: parameters before "
              "step 0; expected: parameters after the last step; step<i>.order [num_iterations, batch]: consecutive runs of "
              "mini_batch_size are the mini-batches; grad.* of the first mini-batch of step 1's second epoch, before "
              "clipping, at the parameters before.* of the inputs, and parts, what its tokens (GRPO, [batch, time]) or sequences (RLOO) add",
              config=dict(algorithm=algorithm, group_size=size, num_iterations=ITERATIONS, mini_batch_size=spec.mini_batch_size,
                          learning_rate=spec.learning_rate, max_grad_norm=1.0, adam_eps=1e-5, epsilon=EPSILON,
                          epsilon_high=EPSILON_HIGH, beta=BETA, target=spec.kl_target, horizon=HORIZON,
                          loss_type=spec.loss_type, scale_rewards="group", normalize_advantages=True,
                          max_new_tokens=MAX_NEW_TOKENS, lora=lora))


def record_grpo_steps(case: CaseFolder) -> None:
    record_steps(case, "grpo")


def record_rloo_steps(case: CaseFolder) -> None:
    record_steps(case, "rloo")
