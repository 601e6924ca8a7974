"""Scores lines of standard input with Triton's own client.

    pip install tritonclient[grpc]
    python triton_score.py 127.0.0.1:50052 MODEL < texts.txt
"""

import json
import os
import sys

import numpy
import tritonclient.grpc as triton

BATCH = 32


def main(address: str, model: str) -> None:
    token = os.environ.get("DECORUM_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else None
    texts = [line.rstrip("\n") for line in sys.stdin]
    with triton.InferenceServerClient(address) as client:
        for start in range(0, len(texts), BATCH):
            batch = texts[start:start + BATCH]
            text = triton.InferInput("text", [len(batch)], "BYTES")
            text.set_data_from_numpy(numpy.array([t.encode() for t in batch], dtype=numpy.object_))
            wanted = [triton.InferRequestedOutput("score")]
            result = client.infer(model, [text], outputs=wanted, headers=headers, client_timeout=60)
            for line, score in zip(batch, result.as_numpy("score"), strict=True):
                print(json.dumps({"text": line, "score": float(score)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
