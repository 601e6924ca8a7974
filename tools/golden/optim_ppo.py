"""Records packages/optim/testdata/torch.json and packages/algorithms/testdata/trl.json.

Every expected number comes from PyTorch's optimisers, transformers' schedules, or TRL 0.11.4's own methods, called on
random arrays. Needs: torch, transformers, and trl==0.11.4 (installed with --no-deps beside peft, accelerate, datasets).

    python tools/golden/optim_ppo.py && deno fmt packages/*/testdata
"""
import json
import pathlib
import sys
import types

import numpy as np


class Suppress:
    def __class_getitem__(cls, item):
        return item


# TRL imports tyro for its command line only.
tyro, conf = types.ModuleType("tyro"), types.ModuleType("tyro.conf")
conf.arg, conf.Suppress, tyro.conf = (lambda **k: None), Suppress, conf
sys.modules.setdefault("tyro", tyro)
sys.modules.setdefault("tyro.conf", conf)

import torch
import transformers
import trl
from trl.core import entropy_from_logits, logprobs_from_logits
from trl.trainer.ppo_trainer import PPOTrainer
from trl.trainer.utils import AdaptiveKLController, RunningMoments

SEED = 5
ROOT = pathlib.Path(__file__).resolve().parents[2] / "packages"
VERSIONS = dict(torch=torch.__version__, transformers=transformers.__version__, trl=trl.__version__, seed=SEED)


def flat(x):
    """The numbers of a float32 tensor, as short as float32 allows."""
    return [float(str(v)) for v in x.detach().float().numpy().ravel()]


def tensor(x):
    return dict(dims=list(x.shape), data=flat(x))


def adam_case(optimizer, options, steps=6):
    params = {"encoder.q.lora_A": torch.randn(3, 2), "v_head.summary.bias": torch.randn(1)}
    case = dict(optimizer=optimizer.__name__, options=options, params={k: tensor(v) for k, v in params.items()}, steps=[])
    leaves = {k: v.clone().requires_grad_() for k, v in params.items()}
    opt = optimizer(leaves.values(), lr=0.0, betas=tuple(options["betas"]), eps=options["eps"],
                    weight_decay=options["weightDecay"], foreach=False)
    for step in range(steps):
        lr = options["learningRate"] * (1 - step / steps)
        opt.param_groups[0]["lr"] = lr
        for v in leaves.values():
            v.grad = torch.randn_like(v) * 10.0 ** (step % 3 - 1)
        grads = {k: tensor(v.grad) for k, v in leaves.items()}
        opt.step()
        case["steps"].append(dict(
            learningRate=lr, grads=grads, params={k: flat(v) for k, v in leaves.items()},
            exp_avg={k: flat(opt.state[v]["exp_avg"]) for k, v in leaves.items()},
            exp_avg_sq={k: flat(opt.state[v]["exp_avg_sq"]) for k, v in leaves.items()}))
    return case


def clip_case(max_norm):
    grads = {"a": torch.randn(2, 3), "b": torch.randn(4)}
    leaves = {k: torch.zeros_like(v).requires_grad_() for k, v in grads.items()}
    for k, v in leaves.items():
        v.grad = grads[k].clone()
    norm = torch.nn.utils.clip_grad_norm_(leaves.values(), max_norm)
    return dict(maxNorm=max_norm, grads={k: tensor(v) for k, v in grads.items()}, norm=norm.item(),
                clipped={k: flat(v.grad) for k, v in leaves.items()})


def schedule_case(factory, steps, **options):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    factor = factory(opt, **options).lr_lambdas[0]
    return dict(name=factory.__name__, options=options, factors=[float(factor(s)) for s in range(steps)])


def optim():
    torch.manual_seed(SEED)
    field = dict(learningRate=0.05, betas=[0.9, 0.999], eps=1e-5, weightDecay=0.0)
    return dict(
        versions=VERSIONS,
        adam=[adam_case(torch.optim.Adam, field),
              adam_case(torch.optim.Adam, dict(field, eps=1e-8, weightDecay=0.1)),
              adam_case(torch.optim.AdamW, dict(field, betas=[0.8, 0.95], weightDecay=0.01))],
        clip=[clip_case(1.0), clip_case(100.0)],
        schedule=[schedule_case(transformers.get_linear_schedule_with_warmup, 13, num_warmup_steps=3, num_training_steps=10),
                  schedule_case(transformers.get_linear_schedule_with_warmup, 6, num_warmup_steps=0, num_training_steps=4),
                  schedule_case(transformers.get_constant_schedule_with_warmup, 6, num_warmup_steps=4)])


def trainer(kl_penalty):
    return types.SimpleNamespace(
        config=types.SimpleNamespace(kl_penalty=kl_penalty, gamma=0.99, lam=0.95, cliprange=0.2, cliprange_value=0.2,
                                     vf_coef=0.1, ratio_threshold=10.0, whiten_rewards=False),
        kl_ctl=types.SimpleNamespace(value=0.3),
        _kl_penalty=lambda a, b: PPOTrainer._kl_penalty(trainer(kl_penalty), a, b))


def ppo():
    torch.manual_seed(SEED)
    lengths, queries, (b, t, v) = [6, 4, 2, 5], [3, 9, 4, 4], (4, 6, 7)
    mask = (torch.arange(t)[None] < torch.tensor(lengths)[:, None]).float()
    labels = torch.randint(v, (b, t))
    old, ref = torch.randn(b, t, v), torch.randn(b, t, v)
    logprobs, ref_logprobs = logprobs_from_logits(old, labels), logprobs_from_logits(ref, labels)
    values, scores = torch.randn(b, t), torch.randn(b) * 2
    me = trainer("kl")
    out = dict(versions=VERSIONS, settings=dict(vars(me.config), klCoef=me.kl_ctl.value), lengths=lengths, queries=queries)
    out["inputs"] = dict(mask=mask, logprobs=logprobs, refLogprobs=ref_logprobs, values=values, scores=scores)
    out["rewards"] = {k: PPOTrainer.compute_rewards(trainer(k), scores, logprobs, ref_logprobs, mask)[0] * mask
                      for k in ("kl", "abs", "mse")}
    out["fullKl"] = trainer("full")._kl_penalty(old.log_softmax(-1), ref.log_softmax(-1))
    rewards, non_score, kls = PPOTrainer.compute_rewards(me, scores, logprobs, ref_logprobs, mask)
    masked_values, advantages, returns = PPOTrainer.compute_advantages(me, values, rewards, mask)
    out.update(nonScoreRewards=non_score * mask, advantages=advantages, returns=returns)
    white = trainer("kl")
    white.config.whiten_rewards = True
    full = mask[:, :2]  # without padding, which TRL lets into whitened rewards
    out["whitened"] = PPOTrainer.compute_advantages(white, values[:, :2], rewards[:, :2], full)[1]

    minibatches, all_stats = [], []
    for rows in ([0, 2], [3, 1]):
        logits = old[rows] + 0.6 * torch.randn(2, t, v)
        new, vpreds = logprobs_from_logits(logits, labels[rows]), values[rows] + 0.4 * torch.randn(2, t)
        stats = PPOTrainer.loss(me, logprobs[rows], masked_values[rows], logits, vpreds, new, mask[rows],
                                advantages[rows], returns[rows])[2]
        all_stats.append({k: x for k, x in stats.items() if x.dim() == 0})
        minibatches.append(dict(rows=rows, logprobs=new, values=vpreds, entropy=entropy_from_logits(logits),
                                stats={f"ppo/{k}": x.item() for k, x in all_stats[-1].items()}))
    out["minibatches"] = minibatches
    step = PPOTrainer.record_step_stats(
        me, kl_coef=me.kl_ctl.value, masks=mask, kls=kls, logprobs=logprobs, ref_logprobs=ref_logprobs,
        non_score_reward=non_score, scores=scores, queries=[[0] * n for n in queries], responses=[[0] * n for n in lengths],
        train_stats={k: torch.stack([s[k] for s in all_stats]) for k in all_stats[0]})
    out["step"] = {k: float(x) for k, x in step.items() if not (torch.is_tensor(x) and x.dim()) and np.ndim(x) == 0}

    ctl = AdaptiveKLController(0.2, 6.0, 10000)
    out["controller"] = []
    for kl in (0.0, 6.3, 40.0, -3.0, 5.0):
        ctl.update(kl, 256)
        out["controller"].append(dict(kl=kl, value=float(ctl.value)))
    moments, out["moments"] = RunningMoments(types.SimpleNamespace(use_distributed=False)), []
    for n in (4, 2, 7):
        xs = torch.randn(n) * 3 + 1
        moments.update(xs)
        eps = torch.finfo(xs.dtype).eps
        out["moments"].append(dict(scores=flat(xs), mean=moments.mean, var=moments.var, std=moments.std,
                                   scaled=flat(xs / (moments.std + eps)), norm=flat((xs - moments.mean) / (moments.std + eps))))
    return out


def plain(x):
    if torch.is_tensor(x):
        return tensor(x)
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return [plain(v) for v in x] if isinstance(x, list) else x


for path, record in (("optim/testdata/torch.json", optim), ("algorithms/testdata/trl.json", ppo)):
    file = ROOT / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(plain(record()), separators=(",", ":")) + "\n")
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")
