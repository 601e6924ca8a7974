"""Other people's reward servers, as a trainer meets them, all with the same score of a prompt and its response.

    python reward_servers.py --protos FOLDER --openrlhf PORT --inference PORT --tei PORT --tei-http PORT [--faults JSON]

- openrlhf: `POST /get_reward` as OpenRLHF's own server answers it (openrlhf/cli/serve_rm.py: it reads `query` alone)
- inference: the Open Inference Protocol v2 in tritonclient's own messages, raw tensors as Triton answers
- tei, tei-http: text-embeddings-inference over gRPC (its tei.proto) and over HTTP (`POST /predict`), labels by falling score

`--faults` is a JSON object: for each of these names what its first calls meet. "ok", "slow" (no answer), "die" (the process ends
at once), "few" (a score too few), "nan"; over HTTP a status; over gRPC a status's name. Prints "ready" when all listen.
"""

import argparse
import asyncio
import itertools
import json
import math
import os
import sys

import grpc
import numpy
from aiohttp import web
from tritonclient.grpc import service_pb2, service_pb2_grpc


def score(text: str) -> float:
    """Exact in every float format, and different for most texts."""
    return sum(text.encode()) % 17 / 8 - 1


class Faults:
    """What the next call of each server meets."""

    def __init__(self, plan: dict[str, list]) -> None:
        self.plans = {name: itertools.chain(faults, itertools.repeat("ok")) for name, faults in plan.items()}

    async def next(self, name: str) -> str | int:
        fault = next(self.plans[name]) if name in self.plans else "ok"
        if fault == "die":
            os._exit(1)
        if fault == "slow":
            await asyncio.sleep(3600)
        return fault


def changed(scores: list[float], fault: str | int) -> list[float]:
    if fault == "few":
        return scores[:-1]
    return [math.nan, *scores[1:]] if fault == "nan" else scores


def http_fault(fault: str | int) -> web.Response | None:
    if isinstance(fault, int):
        return web.json_response({"error": "busy", "error_type": "overloaded"}, status=fault, headers={"Retry-After": "1"})
    return None


def openrlhf(faults: Faults) -> web.Application:
    async def get_reward(request: web.Request) -> web.Response:
        fault = await faults.next("openrlhf")
        queries = (await request.json()).get("query")
        rewards = changed([score(query) for query in queries], fault)
        return http_fault(fault) or web.json_response({"rewards": rewards, "scores": rewards, "extra_logs": {"note": "NaN"}})

    app = web.Application()
    app.router.add_post("/get_reward", get_reward)
    return app


def predictions(inputs: list[str]) -> list[dict]:
    if not any(inputs):
        raise ValueError("`inputs` cannot be empty")
    found = [{"label": "toxic", "score": 0.5}, {"label": "ok", "score": score("".join(inputs)) + 0.5}]
    return sorted(found, key=lambda one: -one["score"])


def tei_http(faults: Faults) -> web.Application:
    async def predict(request: web.Request) -> web.Response:
        fault = await faults.next("tei-http")
        body = await request.json()
        assert body["raw_scores"] is True and body["truncate"] is True, body
        return http_fault(fault) or web.json_response([predictions(one) for one in body["inputs"]])

    app = web.Application()
    app.router.add_post("/predict", predict)
    return app


async def grpc_fault(fault: str | int, context: grpc.aio.ServicerContext) -> None:
    if fault not in ("ok", "few", "nan"):
        await context.abort(grpc.StatusCode[fault], "not now")


class Inference(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    async def ModelInfer(self, request, context):
        fault = await self.faults.next("inference")
        await grpc_fault(fault, context)
        texts = {tensor.name: [text.decode() for text in tensor.contents.bytes_contents] for tensor in request.inputs}
        shapes = {tuple(tensor.shape) for tensor in request.inputs}
        if request.model_name != "theirs" or shapes != {(len(texts["RESPONSE"]), 1)}:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request.model_name} {shapes}")
        pairs = zip(texts["PROMPT"], texts["RESPONSE"], strict=True)
        scores = changed([score(prompt + response) for prompt, response in pairs], fault)
        answer = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        answer.outputs.add(name="SCORE", datatype="FP32", shape=[len(scores), 1])
        answer.raw_output_contents.append(numpy.array(scores, numpy.float32).tobytes())
        return answer


def tei(faults: Faults):
    protos, services = grpc.protos_and_services("tei.proto")

    class Predict(services.PredictServicer):
        async def answer(self, inputs, request, context):
            await grpc_fault(await faults.next("tei"), context)
            assert request.raw_scores and request.truncate, request
            found = [protos.Prediction(**one) for one in predictions(inputs)]
            return protos.PredictResponse(predictions=found)

        async def Predict(self, request, context):
            return await self.answer([request.inputs], request, context)

        async def PredictPair(self, request, context):
            return await self.answer(list(request.inputs), request, context)

    return services.add_PredictServicer_to_server, Predict()


async def serve(args: argparse.Namespace) -> None:
    faults = Faults(json.loads(args.faults))
    for app, port in [(openrlhf(faults), args.openrlhf), (tei_http(faults), args.tei_http)]:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, args.host, port).start()
    servers = [(service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server, Inference(faults), args.inference),
               (*tei(faults), args.tei)]
    running = []  # A server that nobody holds is stopped.
    for add, servicer, port in servers:
        running.append(server := grpc.aio.server())
        add(servicer, server)
        server.add_insecure_port(f"{args.host}:{port}")
        await server.start()
    print("ready", flush=True)
    await asyncio.gather(*(server.wait_for_termination() for server in running))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protos", required=True, help="the folder of tei.proto")
    parser.add_argument("--host", default="127.0.0.1")
    for name in ["openrlhf", "inference", "tei", "tei-http"]:
        parser.add_argument(f"--{name}", type=int, required=True, metavar="PORT")
    parser.add_argument("--faults", default="{}", metavar="JSON")
    args = parser.parse_args()
    sys.path.insert(0, args.protos)
    asyncio.run(serve(args))


if __name__ == "__main__":
    main()
