"""Reward servers that one would write with PyTorch, for `task bench score_load`.

    python reward_server.py --model FOLDER --mode pipeline|batches --dtype float32|bfloat16

pipeline: FastAPI and transformers' text-classification pipeline, a text at a time. batches: all that waits is sorted by
length and run in batches of 8, so that there is little padding.
POST /score {"texts": [...]} answers {"scores": [...]}, logits of the last label. Prints `ready PORT`.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import socket

import fastapi
import pydantic
import torch
import transformers
import uvicorn

BATCH, MAX_DELAY_S = 8, 0.002


class Texts(pydantic.BaseModel):
    texts: list[str]


class Pipeline:
    """No batches: one text after the other, in one thread, so that torch's threads do not compete."""

    def __init__(self, folder: str, dtype: torch.dtype) -> None:
        self.pipe = transformers.pipeline("text-classification", model=folder, dtype=dtype, device="cpu", top_k=None,
                                          function_to_apply="none")
        self.last = self.pipe.model.config.id2label[self.pipe.model.config.num_labels - 1]
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.padding, self.total = 0, 1

    def run(self, texts: list[str]) -> list[float]:
        with torch.inference_mode():
            return [next(x["score"] for x in self.pipe([text])[0] if x["label"] == self.last) for text in texts]

    async def score(self, texts: list[str]) -> list[float]:
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.run, texts)


class Batches:
    def __init__(self, folder: str, dtype: torch.dtype) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype).eval()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.waiting: list[tuple[list[int], asyncio.Future[float]]] = []
        self.wake = asyncio.Event()
        self.padding, self.total = 0, 0

    async def score(self, texts: list[str]) -> list[float]:
        loop = asyncio.get_running_loop()
        futures = []
        for ids in self.tokenizer(texts, truncation=True)["input_ids"]:
            future = loop.create_future()
            self.waiting.append((ids, future))
            futures.append(future)
        self.wake.set()
        return await asyncio.gather(*futures)

    def run(self, batch: list[list[int]]) -> list[float]:
        encoded = self.tokenizer.pad({"input_ids": batch}, return_tensors="pt")
        self.total += encoded["input_ids"].numel()
        self.padding += encoded["input_ids"].numel() - sum(map(len, batch))
        with torch.inference_mode():
            return self.model(**encoded).logits[:, -1].float().tolist()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.wake.wait()
            await asyncio.sleep(MAX_DELAY_S)
            self.wake.clear()
            rows, self.waiting = sorted(self.waiting, key=lambda row: len(row[0])), []
            for start in range(0, len(rows), BATCH):
                batch = rows[start:start + BATCH]
                scores = await loop.run_in_executor(self.pool, self.run, [ids for ids, _ in batch])
                for (_, future), score in zip(batch, scores, strict=True):
                    future.set_result(score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--mode", choices=["pipeline", "batches"], required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    engine = (Pipeline if args.mode == "pipeline" else Batches)(args.model, getattr(torch, args.dtype))

    @contextlib.asynccontextmanager
    async def lifespan(_: fastapi.FastAPI):
        task = asyncio.create_task(engine.serve()) if isinstance(engine, Batches) else None
        yield
        if task:
            task.cancel()

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.post("/score")
    async def score(request: Texts) -> dict[str, list[float]]:
        return {"scores": await engine.score(request.texts)}

    @app.post("/stats")
    async def stats() -> dict[str, int]:
        return {"padding": engine.padding, "total": engine.total}

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready {listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
