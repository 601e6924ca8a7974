"""What a golden case is made from: every size and option of one case, with defaults by size."""

from dataclasses import dataclass, field, fields

KINDS = ("t5_forward", "t5_greedy", "t5_lora_grad", "roberta_classify", "bert_classify", "ppo_math", "trl_steps",
         "group_math", "grpo_steps", "rloo_steps", "dpo_steps", "online_dpo_steps")

SIZES = {
    # num_heads * d_kv differs from d_model on purpose: T5 does not require them to be equal.
    "tiny": dict(vocab=96, d_model=32, d_kv=8, d_ff=20, num_heads=3, num_layers=2, num_decoder_layers=3,
                 hidden=32, intermediate=48, classifier_layers=2, classifier_heads=4, positions=40),
    "small": dict(vocab=320, d_model=64, d_kv=16, d_ff=160, num_heads=5, num_layers=3, num_decoder_layers=4,
                  hidden=64, intermediate=160, classifier_layers=4, classifier_heads=4, positions=66),
}


@dataclass
class Spec:
    """One case. A field that a kind does not use is ignored by it."""

    name: str
    kind: str
    seed: int
    # T5 models: `flan` is gated GELU without output scaling, `v10` is ReLU with it.
    family: str = "flan"
    tied: bool = False
    # "v4" writes `tie_word_embeddings` and no `scale_decoder_outputs`; "v5" writes both, as transformers 5 saves.
    config_style: str = "v4"
    vocab: int = 96
    d_model: int = 32
    d_kv: int = 8
    d_ff: int = 20
    num_heads: int = 3
    num_layers: int = 2
    num_decoder_layers: int = 3
    buckets: int = 12
    max_distance: int = 20
    # How the weights are stored. The reference always computes in fp32.
    dtype: str = "float32"
    weights: str = "safetensors"  # or "bin"
    shard_bytes: int = 0  # 0: one file
    # Shape of the batch.
    batch: int = 3
    encoder_length: int = 15
    decoder_length: int = 9
    max_new_tokens: int = 24
    # LoRA and PPO.
    r: int = 4
    alpha: int = 8
    targets: list[str] = field(default_factory=lambda: ["q", "v"])
    learning_rate: float = 3e-3
    ppo_epochs: int = 2
    mini_batch_size: int = 6
    kl_target: float = 6.0
    # GRPO and RLOO: responses to a prompt, and how GRPO adds up the losses of tokens.
    group_size: int = 4
    loss_type: str = "grpo"  # or "bnpo", "dr_grpo"
    # Classifiers.
    hidden: int = 32
    intermediate: int = 48
    classifier_layers: int = 2
    classifier_heads: int = 4
    positions: int = 40
    labels: int = 2
    layer_norm_eps: float = 1e-5
    # Tolerances of the comparison.
    atol: float = 2e-4
    rtol: float = 2e-4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Case {self.name!r}: kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.family not in ("flan", "v10"):
            raise ValueError(f"Case {self.name!r}: family is {self.family!r}, expected 'flan' or 'v10'")
        if self.kind in ("grpo_steps", "rloo_steps") and 8 % self.group_size:
            raise ValueError(f"Case {self.name!r}: group_size is {self.group_size}, expected a divisor of 8")
        if self.kind == "trl_steps" and 6 % self.mini_batch_size:
            raise ValueError(f"Case {self.name!r}: mini_batch_size is {self.mini_batch_size}, expected a divisor of 6")


def make_spec(values: dict, size: str) -> Spec:
    """A spec from JSON fields over the defaults of a size; an unknown field is an error that names it."""
    known = {f.name for f in fields(Spec)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"Case {values.get('name')!r}: unknown fields {unknown}, expected some of {sorted(known)}")
    return Spec(**{**SIZES[size], **values})


def standard_specs(seed: int, size: str) -> list[Spec]:
    """The cases every recording has: one of each kind, both T5 variants where the kind is about T5 itself."""
    variants = {
        "flan": dict(family="flan", tied=False, config_style="v4"),
        "v10": dict(family="v10", tied=True, config_style="v5"),
    }
    cases = [
        # Different inputs for the variants: with the same ones their losses would be equal by construction.
        dict(name=f"{kind}_{family}", kind=kind, seed=seed + 100 * (family == "v10"), **options)
        for kind in ("t5_forward", "t5_greedy", "t5_lora_grad")
        for family, options in variants.items()
    ]
    cases += [dict(name=kind, kind=kind, seed=seed) for kind in ("roberta_classify", "bert_classify", "ppo_math")]
    cases.append(dict(name="trl_steps", kind="trl_steps", seed=seed + 10, num_decoder_layers=2))
    small = dict(num_layers=1, num_decoder_layers=1, mini_batch_size=4, learning_rate=1e-3, kl_target=0.5)
    cases.append(dict(name="group_math", kind="group_math", seed=seed + 20, batch=16))
    cases.append(dict(name="grpo_steps", kind="grpo_steps", seed=seed + 20, **small))
    cases.append(dict(name="rloo_steps", kind="rloo_steps", seed=seed + 30, **small))
    cases.append(dict(name="dpo_steps", kind="dpo_steps", seed=seed + 40, **small))
    cases.append(dict(name="online_dpo_steps", kind="online_dpo_steps", seed=seed + 40, **small))
    return [make_spec(case, size) for case in cases]
