"""The case of PPO's arithmetic, no model: rewards for four KL kinds, GAE, whitening."""

import torch

from case_folder import CaseFolder

KL_COEF, GAMMA, LAM = 0.2, 0.99, 0.95
KL_KINDS = {
    "kl": lambda logp, ref: logp - ref,
    "abs": lambda logp, ref: (logp - ref).abs(),
    "mse": lambda logp, ref: 0.5 * (logp - ref) ** 2,
    "k3": lambda logp, ref: torch.exp(ref - logp) - (ref - logp) - 1,
}


def arithmetic(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rewards of each KL kind; advantages and returns from those of kind `kl` (Schulman et al., 2015: GAE)."""
    logp, ref, mask = inputs["logprobs"], inputs["ref_logprobs"], inputs["mask"]
    last = mask.sum(1).long() - 1
    expected = {}
    for kind, estimate in KL_KINDS.items():
        rewards = -KL_COEF * estimate(logp, ref) * mask
        rewards[torch.arange(len(last)), last] += inputs["scores"]
        expected[f"rewards.{kind}"] = rewards
    rewards, values = expected["rewards.kl"], inputs["values"] * mask
    advantages, running = torch.zeros_like(values), torch.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        following = values[:, t + 1] if t + 1 < values.shape[1] else torch.zeros(len(values))
        running = rewards[:, t] + GAMMA * following - values[:, t] + GAMMA * LAM * running
        advantages[:, t] = running
    returns = (advantages + values) * mask
    count = mask.sum()
    mean = (advantages * mask).sum() / count
    variance = ((advantages - mean) ** 2 * mask).sum() / count * count / (count - 1)
    advantages = (advantages - mean) * torch.rsqrt(variance + 1e-8) * mask
    objective = ((logp - ref) * mask).sum(1).mean()
    return expected | {"advantages": advantages, "returns": returns, "objective_kl": objective}


def record_ppo_math(case: CaseFolder) -> None:
    spec = case.spec
    generator = torch.Generator().manual_seed(spec.seed)
    shape = (max(spec.batch, 2), spec.decoder_length)
    length = torch.randint(1, shape[1] + 1, (shape[0],), generator=generator)
    length[0] = shape[1]
    logprobs = -3 * torch.rand(shape, generator=generator)
    inputs = {
        "logprobs": logprobs, "ref_logprobs": logprobs + 0.25 * torch.randn(shape, generator=generator),
        "values": torch.randn(shape, generator=generator), "scores": 2 * torch.randn(shape[0], generator=generator),
        "mask": (torch.arange(shape[1])[None] < length[:, None]).float(),
    }
    case.tensors("inputs", inputs)
    case.tensors("expected", arithmetic(inputs))
    spec.atol = spec.rtol = 1e-5
    case.case(f"kl_coef={KL_COEF}, gamma={GAMMA}, lam={LAM}; score is added at the last masked token; whitening uses the "
              "unbiased masked variance and rsqrt(var+1e-8); advantages and returns are multiplied by mask; "
              "objective_kl = mean over sequences of the summed k1 estimate")
