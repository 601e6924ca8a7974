"""Scores lines of standard input as a client of text-embeddings-inference does: a stream, one text a message.

    python -m grpc_tools.protoc -I ../../protos/third_party/tei --python_out=. --grpc_python_out=. tei.proto
    python tei_predict.py 127.0.0.1:50052 LABEL < texts.txt
"""

import json
import os
import sys

import grpc
import tei_pb2 as pb
import tei_pb2_grpc as rpc


def main(address: str, label: str) -> None:
    token = os.environ.get("DECORUM_TOKEN")
    metadata = [("authorization", f"Bearer {token}")] if token else None
    texts = [line.rstrip("\n") for line in sys.stdin]
    with grpc.insecure_channel(address) as channel:
        requests = (pb.PredictRequest(inputs=text, raw_scores=True) for text in texts)
        answers = rpc.PredictStub(channel).PredictStream(requests, timeout=60, metadata=metadata)
        for text, answer in zip(texts, answers, strict=True):
            [score] = [found.score for found in answer.predictions if found.label == label]
            print(json.dumps({"text": text, "score": score}))


if __name__ == "__main__":
    main(*sys.argv[1:])
