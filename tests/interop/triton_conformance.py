"""Triton's own client against a running service: everything it can ask that the reward service answers.

    python triton_conformance.py --address HOST:PORT --model NAME --version HASH

Prints JSON with what it found; fails where the client sees something else than Triton would give it.
"""

import argparse
import json
import queue

import numpy
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

TEXTS = ["you fool", "", "thank you, friend", "ünïcode ☃"]


def text_input(texts: list[str], shape: list[int] | None = None, name: str = "text") -> triton.InferInput:
    found = triton.InferInput(name, shape or [len(texts)], "BYTES")
    data = numpy.array([text.encode() for text in texts], dtype=numpy.object_).reshape(shape or [len(texts)])
    return found.set_data_from_numpy(data)


def refusal(call) -> list[str]:
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    raise AssertionError("the call was not refused")


def streamed(client: triton.InferenceServerClient, model: str) -> list:
    answers: queue.Queue = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    client.async_stream_infer(model, [text_input(TEXTS)], request_id="one")
    client.async_stream_infer(model, [text_input(["a " * 400])], request_id="two")
    client.async_stream_infer(model, [text_input(TEXTS[:1])], request_id="three")
    found = []
    for _ in range(3):
        result, error = answers.get(timeout=30)
        found.append(error.message() if error else [result.get_response().id, result.as_numpy("score").tolist()])
    client.stop_stream()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", required=True)
    args = parser.parse_args()
    model = args.model
    client = triton.InferenceServerClient(args.address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
    assert client.is_model_ready(model, args.version) and not client.is_model_ready(model, "1")
    assert not client.is_model_ready("other")
    metadata = client.get_model_metadata(model, as_json=True)
    assert metadata["versions"] == [args.version], metadata
    config = client.get_model_config(model, as_json=True)["config"]

    flat = client.infer(model, [text_input(TEXTS)], request_id="flat", model_version=args.version)
    logits = flat.as_numpy("logits")
    assert flat.get_response().id == "flat" and flat.get_response().model_version == args.version
    assert logits.shape == (4, 2) and logits.dtype == numpy.float32
    column = client.infer(model, [text_input(TEXTS, [4, 1])])
    assert column.as_numpy("score").shape == (4, 1) and column.as_numpy("label").shape == (4, 1)
    assert numpy.allclose(column.as_numpy("score").ravel(), flat.as_numpy("score"), atol=1e-5)
    named = client.infer(model, [text_input(TEXTS)], outputs=[triton.InferRequestedOutput("label")],
                         parameters={"label": "hate", "truncate": True})
    assert [output.name for output in named.get_response().outputs] == ["label"]
    other = client.infer(model, [text_input(TEXTS)], parameters={"label": "hate"}).as_numpy("score")
    assert numpy.allclose(other, logits[:, 1], atol=1e-5)
    pairs = client.infer(model, [text_input(TEXTS), text_input(["why?"] * 4, name="prompt")]).as_numpy("score")
    assert not numpy.allclose(pairs, flat.as_numpy("score"))
    waiting: queue.Queue = queue.Queue()
    client.async_infer(model, [text_input(TEXTS)], callback=lambda result, error: waiting.put((result, error)))
    later, error = waiting.get(timeout=30)
    assert error is None and numpy.allclose(later.as_numpy("logits"), logits, atol=1e-5)

    # Typed contents, which this client does not send itself.
    stub = service_pb2_grpc.GRPCInferenceServiceStub(client._channel)
    typed = service_pb2.ModelInferRequest(model_name=model)
    typed.inputs.add(name="text", datatype="BYTES", shape=[4]).contents.bytes_contents.extend(t.encode() for t in TEXTS)
    answer = stub.ModelInfer(typed, timeout=30)
    assert not answer.raw_output_contents
    assert numpy.allclose(answer.outputs[1].contents.fp32_contents, logits.ravel(), atol=1e-5)

    wrong = triton.InferInput("text", [1], "FP32").set_data_from_numpy(numpy.zeros(1, numpy.float32))
    errors = {
        "model": refusal(lambda: client.infer("other", [text_input(TEXTS)])),
        "metadata": refusal(lambda: client.get_model_metadata("other")),
        "version": refusal(lambda: client.infer(model, [text_input(TEXTS)], model_version="7")),
        "name": refusal(lambda: client.infer(model, [text_input(TEXTS, name="words")])),
        "shape": refusal(lambda: client.infer(model, [text_input(TEXTS, [2, 2])])),
        "datatype": refusal(lambda: client.infer(model, [wrong])),
        "output": refusal(lambda: client.infer(model, [text_input(TEXTS)], outputs=[triton.InferRequestedOutput("x")])),
        "long": refusal(lambda: client.infer(model, [text_input(["a " * 400])])),
        "unload": refusal(lambda: client.unload_model(model)),
    }
    stream = streamed(client, model)
    stats = client.get_inference_statistics(model, as_json=True)["model_stats"][0]
    index = client.get_model_repository_index(as_json=True)["models"]
    labels = [label.decode() for label in flat.as_numpy("label")]
    client.close()
    print(json.dumps({
        "scores": flat.as_numpy("score").tolist(), "labels": labels, "inputs": metadata["inputs"], "config": config,
        "errors": errors, "stream": stream, "stats": stats, "index": index,
    }))


if __name__ == "__main__":
    main()
