"""Scores lines of standard input with decorum.reward.v1.RewardService.

    python -m grpc_tools.protoc -I ../../protos --python_out=. --grpc_python_out=. decorum/reward/v1/reward_service.proto
    python score.py 127.0.0.1:50052 < texts.txt
"""

import json
import os
import sys

import grpc
from decorum.reward.v1 import reward_service_pb2 as pb
from decorum.reward.v1 import reward_service_pb2_grpc as rpc

# The server asks callers that it refused to come back: RESOURCE_EXHAUSTED with a pushback, which gRPC heeds.
RETRIES = {
    "methodConfig": [{
        "name": [{"service": "decorum.reward.v1.RewardService"}],
        "retryPolicy": {
            "maxAttempts": 4,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
        },
    }],
}


def main(address: str) -> None:
    token = os.environ.get("DECORUM_TOKEN")
    metadata = [("authorization", f"Bearer {token}")] if token else None
    texts = [line.rstrip("\n") for line in sys.stdin]
    with grpc.insecure_channel(address, [("grpc.service_config", json.dumps(RETRIES))]) as channel:
        reward = rpc.RewardServiceStub(channel)
        most = reward.GetInfo(pb.GetInfoRequest(), timeout=10, metadata=metadata).limits.max_items
        for start in range(0, len(texts), most):
            batch = texts[start:start + most]
            request = pb.ScoreRequest(items=[pb.ScoreItem(response=text) for text in batch])
            answer = reward.Score(request, timeout=60, metadata=metadata)
            for text, result in zip(batch, answer.results, strict=True):
                print(json.dumps({"text": text, "score": result.score}))


if __name__ == "__main__":
    main(*sys.argv[1:])
