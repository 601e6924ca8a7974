"""PyTorch's times for what `bench forward` and `bench train_step` measure: T5 with LoRA on q and v, fp32, CPU.

    python bench/peers/torch_t5.py --size base --repeat 3
    python bench/peers/torch_t5.py --model DIR --threads 2

Needs the packages of tools/golden/requirements.txt. Prints one JSON object; seconds are medians of --repeat runs
after one that does not count:
- forward_s: log-probabilities and values of --batch x (--query + --response), without gradients
- train_step_s: forward and backward of a micro-batch of --micro x (--query + --response), gradients of adapter and value head
- forward_products_s, train_step_products_s: the matrix products of each, alone, in this process. They are the ones PyTorch
  really ran, recorded with their shapes and strides; products of one shape share their operands, so weights may be warmer
  in the caches than in a model. Attention is counted as two products forward and four backward.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import peft
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import T5Config, T5ForConditionalGeneration

SHAPES = {
    "small": dict(d_model=512, d_kv=64, d_ff=1024, num_layers=8, num_heads=6),
    "base": dict(d_model=768, d_kv=64, d_ff=2048, num_layers=12, num_heads=12),
}
Operand = tuple[tuple[int, ...], tuple[int, ...]]  # sizes, strides


class RecordProducts(TorchDispatchMode):
    """Notes the operands of every matrix product that runs while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.products: list[tuple[Operand, Operand]] = []

    def note(self, a: torch.Tensor, b: torch.Tensor) -> None:
        self.products.append(((tuple(a.shape), a.stride()), (tuple(b.shape), b.stride())))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("mm", "bmm"):
            self.note(args[0], args[1])
        elif name in ("addmm", "baddbmm"):
            self.note(args[1], args[2])
        elif name == "_scaled_dot_product_flash_attention_for_cpu":
            self.attention(*args[:3], backward=False)
        elif name == "_scaled_dot_product_flash_attention_for_cpu_backward":
            self.attention(*args[1:4], backward=True)
        elif "scaled_dot_product" in name:
            raise NotImplementedError(f"torch ran {name}: its products are not counted here")
        return func(*args, **(kwargs or {}))

    def attention(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, backward: bool) -> None:
        q, k, v = (x.flatten(0, 1) for x in (q, k, v))  # [batch * heads, positions, d_kv]
        scores = q.new_empty(q.shape[0], q.shape[1], k.shape[1])
        if not backward:
            self.note(q, k.mT)
            self.note(scores, v)
            return
        self.note(q, v.mT)  # the output's gradient has the query's shape
        self.note(scores.mT, q)
        self.note(scores, k)
        self.note(scores.mT, q)


def record(run: Callable[[], object]) -> list[tuple[Operand, Operand]]:
    with RecordProducts() as recorder:
        run()
    return recorder.products


def gflop(products: list[tuple[Operand, Operand]]) -> float:
    return sum(2e-9 * torch.Size(a[0]).numel() * b[0][-1] for a, b in products)


def replay(products: list[tuple[Operand, Operand]]) -> Callable[[], None]:
    """A function that runs the products with random operands of the same shapes and strides."""
    pool: dict[Operand, torch.Tensor] = {}
    for operand in {operand for pair in products for operand in pair}:
        sizes, strides = operand
        pool[operand] = torch.empty_strided(sizes, strides).normal_(std=0.05)

    def run() -> None:
        for a, b in products:
            torch.matmul(pool[a], pool[b])

    return run


def seconds(run: Callable[[], object], repeat: int) -> float:
    run()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def load(folder: str, r: int) -> tuple[torch.nn.Module, torch.nn.Linear]:
    base = T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    base.config.dropout_rate = 0.0
    config = peft.LoraConfig(r=r, lora_alpha=r, target_modules=["q", "v"], lora_dropout=0.0)
    return peft.get_peft_model(base, config).eval(), torch.nn.Linear(base.config.d_model, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a T5 folder; without it a random one of --size is made")
    parser.add_argument("--size", choices=list(SHAPES), default="base")
    parser.add_argument("--batch", type=int, default=16, help="sequences of the forward pass")
    parser.add_argument("--micro", type=int, default=4, help="sequences of the training step")
    parser.add_argument("--query", type=int, default=256, help="encoder tokens a sequence")
    parser.add_argument("--response", type=int, default=64, help="decoder tokens a sequence")
    parser.add_argument("--r", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--serve", choices=["forward", "train_step"],
                        help="run that once for each line on standard input, answering with a line")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    transformers.logging.disable_progress_bar()
    if args.model:
        model, v_head = load(args.model, args.r)
    else:
        config = T5Config(vocab_size=32128, feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0,
                          decoder_start_token_id=0, **SHAPES[args.size])
        with tempfile.TemporaryDirectory() as folder:
            T5ForConditionalGeneration(config).save_pretrained(folder)
            model, v_head = load(folder, args.r)
    vocab = model.config.vocab_size

    def ids(rows: int, columns: int) -> torch.Tensor:
        return torch.randint(3, min(vocab, 32100), (rows, columns))

    query, response = ids(args.batch, args.query), ids(args.batch, args.response)

    def evaluate(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, d = query[:rows], response[:rows]
        out = model(input_ids=x, attention_mask=torch.ones_like(x), decoder_input_ids=d,
                    decoder_attention_mask=torch.ones_like(d), output_hidden_states=True)
        logprobs = torch.log_softmax(out.logits, -1).gather(-1, d[..., None])[..., 0]
        return logprobs, v_head(out.decoder_hidden_states[-1])[..., 0]

    def forward() -> None:
        with torch.no_grad():
            evaluate(args.batch)

    def train_step() -> None:
        logprobs, values = evaluate(min(args.micro, args.batch))
        (0 * values.mean() - logprobs.mean()).backward()
        model.zero_grad()
        v_head.zero_grad()

    if args.serve:
        run = {"forward": forward, "train_step": train_step}[args.serve]
        print(torch.__version__, flush=True)
        for _ in sys.stdin:
            run()
            print("done", flush=True)
        return
    result = dict(peer=f"torch {torch.__version__}", peft=peft.__version__, transformers=transformers.__version__,
                  shape={name: getattr(model.config, name) for name in
                         ("d_model", "d_kv", "d_ff", "num_heads", "num_layers", "num_decoder_layers", "vocab_size")},
                  **vars(args))
    products = {"forward": record(forward), "train_step": record(train_step)}
    for name, run in (("forward", forward), ("train_step", train_step)):
        result[f"{name}_s"] = seconds(run, args.repeat)
        result[f"{name}_products_s"] = seconds(replay(products[name]), args.repeat)
        result[f"{name}_gflop"] = round(gflop(products[name]), 1)
    result["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
