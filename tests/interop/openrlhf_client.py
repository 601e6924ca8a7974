"""What OpenRLHF does with a remote reward model: aiohttp's post of its payload, no headers (openrlhf/utils/agent.py).

    python openrlhf_client.py --url URL < payload.json

Reads {query, prompts, labels}; prints JSON: status, and what the trainer takes from the answer as it takes it.
"""

import argparse
import asyncio
import json
import sys

import aiohttp


async def fetch(url: str, payload: dict) -> dict:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=180)) as session:
        async with session.post(url, json=payload) as response:
            if response.status != 200:
                return {"status": response.status, "error": (await response.json())["error"]}
            info = await response.json()
    score = info.get("scores")
    # It makes a tensor of each value of extra_logs: numbers, or lists of one length of them.
    logs = {key: [float(value) for value in values] for key, values in (info.get("extra_logs") or {}).items()}
    return {"status": 200, "reward": info.get("rewards"), "score": score, "logs": logs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(fetch(args.url, json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
