"""Scores lines of standard input over HTTP, with the call that RLHF frameworks make of a remote reward model.

    pip install requests
    python get_reward.py http://127.0.0.1:5000/get_reward < texts.txt
    python get_reward.py http://me:TOKEN@127.0.0.1:5000/get_reward < texts.txt

OpenRLHF takes the same URL: --reward.remote_url http://me:TOKEN@127.0.0.1:5000/get_reward
"""

import json
import sys

import requests

BATCH = 32


def main(url: str) -> None:
    texts = [line.rstrip("\n") for line in sys.stdin]
    for start in range(0, len(texts), BATCH):
        batch = texts[start:start + BATCH]
        body = {"query": batch, "prompts": [""] * len(batch), "labels": [None] * len(batch)}
        response = requests.post(url, json=body, timeout=180)
        response.raise_for_status()
        for text, score in zip(batch, response.json()["rewards"], strict=True):
            print(json.dumps({"text": text, "score": score}))


if __name__ == "__main__":
    main(*sys.argv[1:])
