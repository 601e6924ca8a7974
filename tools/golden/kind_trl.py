"""The case of TRL: three `PPOTrainer.step` calls of the last release that trains encoder-decoder models."""

import sys
import types
from collections.abc import Callable

import numpy as np
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from case_folder import CaseFolder
from random_models import make_t5
from spec import Spec

STEPS, BATCH = 3, 6


def import_trl() -> tuple[type, type, type]:
    """TRL 0.11.4 reads its command line with `tyro`, which nothing here uses: an empty stand-in lets it load."""
    tyro, conf = types.ModuleType("tyro"), types.ModuleType("tyro.conf")

    class Suppress:
        def __class_getitem__(cls, item: object) -> object:
            return item

    def arg(**_: object) -> None:
        return None

    conf.arg, conf.Suppress, tyro.conf = arg, Suppress, conf
    sys.modules.setdefault("tyro", tyro)
    sys.modules.setdefault("tyro.conf", conf)
    from trl.models import AutoModelForSeq2SeqLMWithValueHead
    from trl.trainer.ppo_config import PPOConfig
    from trl.trainer.ppo_trainer import PPOTrainer

    return AutoModelForSeq2SeqLMWithValueHead, PPOConfig, PPOTrainer


def word_tokenizer(vocab: int) -> PreTrainedTokenizerFast:
    """One word an id: the trainer asks it only for the pad id (0) and the eos id (1)."""
    words = {"<pad>": 0, "</s>": 1} | {f"w{i}": i for i in range(2, vocab)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w2")),
                                   pad_token="<pad>", eos_token="</s>", unk_token="w2")


def trainable(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Adapter under PEFT's keys and value head, copied."""
    tensors = get_peft_model_state_dict(model.pretrained_model)
    tensors |= {f"v_head.{name}": value for name, value in model.v_head.state_dict().items()}
    return {name: value.detach().clone() for name, value in tensors.items()}


def step_inputs(spec: Spec, step: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Six queries of 4-14 ids, six responses of 5-12 ids (start token first, eos last), six scores."""

    def ids(low: int, high: int) -> torch.Tensor:
        length = int(torch.randint(low, high, (), generator=generator))
        return torch.randint(2, spec.vocab, (length,), generator=generator)

    tensors = {f"step{step}.query.{i}": ids(4, 15) for i in range(BATCH)}
    start, eos = torch.tensor([0]), torch.tensor([1])
    tensors |= {f"step{step}.response.{i}": torch.cat([start, ids(3, 11), eos]) for i in range(BATCH)}
    return tensors | {f"step{step}.scores": 2.5 * torch.randn(BATCH, generator=generator)}


def recording_permutations(orders: list[np.ndarray]) -> Callable[[int], np.ndarray]:
    draw = np.random.permutation

    def permutation(n: int) -> np.ndarray:
        orders.append(draw(n))
        return orders[-1]

    return permutation


def record_trl_steps(case: CaseFolder) -> None:
    spec = case.spec
    auto_model, ppo_config, ppo_trainer = import_trl()
    make_t5(case.model, spec)
    generator = torch.Generator().manual_seed(spec.seed + 1)
    torch.manual_seed(spec.seed + 2)
    lora = dict(r=spec.r, lora_alpha=spec.alpha, target_modules=spec.targets)
    model = auto_model.from_pretrained(str(case.model), torch_dtype=torch.float32,
                                       peft_config=LoraConfig(lora_dropout=0.0, **lora))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
        model.v_head.summary.weight.copy_(0.2 * torch.randn(model.v_head.summary.weight.shape, generator=generator))
        model.v_head.summary.bias.zero_()
    settings = dict(learning_rate=spec.learning_rate, ppo_epochs=spec.ppo_epochs, mini_batch_size=spec.mini_batch_size,
                    batch_size=BATCH, init_kl_coef=0.2, target=spec.kl_target, horizon=10000, gamma=1.0, lam=0.95,
                    cliprange=0.2, cliprange_value=0.2, vf_coef=0.1, adap_kl_ctrl=True, ratio_threshold=1e9)
    trainer = ppo_trainer(config=ppo_config(model_name=spec.name, seed=spec.seed, **settings), model=model,
                          ref_model=None, tokenizer=word_tokenizer(spec.vocab))
    head = model.pretrained_model.get_base_model()
    assert (head.lm_head.weight.data_ptr() != head.shared.weight.data_ptr()) == (not spec.tied)

    case.tensors("start", trainable(model))
    inputs: dict[str, torch.Tensor] = {}
    stats = []
    orders: list[np.ndarray] = []
    original, np.random.permutation = np.random.permutation, recording_permutations(orders)
    try:
        for step in range(STEPS):
            tensors = step_inputs(spec, step, generator)
            orders.clear()
            result = trainer.step(*([tensors[f"step{step}.{kind}.{i}"] for i in range(BATCH)]
                                    for kind in ("query", "response")), list(tensors[f"step{step}.scores"]))
            stats.append({name: float(value) for name, value in result.items()
                          if np.ndim(value) == 0 and not name.startswith("time/")})
            if spec.mini_batch_size < BATCH:
                tensors[f"step{step}.order"] = torch.from_numpy(np.stack(orders)).long()
            inputs |= tensors
    finally:
        np.random.permutation = original
    case.tensors("inputs", inputs)
    case.tensors("expected", trainable(model))
    spec.atol = spec.rtol = 2e-3
    import trl
    case.case("three PPOTrainer.step calls; response.i starts with decoder_start (0); reference = adapter disabled; trl drops "
              "the first generated token from the mask (trl_compat); start.safetensors and expected.safetensors: trainable "
              "parameters before step 0 and after step 2; stats: one dict a step; where mini_batch_size is less than "
              "batch_size, step<i>.order [ppo_epochs, batch_size] in the inputs is the order of the sequences in each epoch: "
              "consecutive runs of mini_batch_size are the mini-batches",
              config=settings | {"optimizer": "Adam(betas=(0.9,0.999), eps=1e-8)", "lora": lora}, stats=stats,
              trl=trl.__version__)
