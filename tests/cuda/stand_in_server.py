"""The server with --cuda, where stand_in.c is the driver."""

import os
import sys

sys.path.insert(0, "tests/server")
sys.dont_write_bytecode = True
import server_client  # noqa: E402
from server_client import Server, sample  # noqa: E402

MODEL = os.path.join(server_client.ROOT, "models/mnist/mnist.json")
PNG = {"Content-Type": "image/png"}


def infer(server, status=200, **parameters):
    image = {"name": "input_image", "datatype": "FP32", "shape": [1, 1, 28, 28],
             "data": [i % 251 / 251 for i in range(784)]}
    return server.json("POST", "/v2/models/mnist/infer",
                       {"parameters": parameters, "inputs": [image]}, status)


def check_with_gpu(server):
    modes = server.json("POST", "/api/draw", sample("3-pen"), headers=PNG)["modes"]
    found = {name: mode.get("digest") for name, mode in modes.items()}
    assert list(found) == ["eager", "jit", "aot", "cuda"], found
    assert found["cuda"] and found["cuda"] == found["eager"] == found["jit"], found
    said = [infer(server, **asked)["parameters"]
            for asked in ({}, {"mode": "cuda"}, {"mode": "eager"})]
    assert [each["mode"] for each in said] == ["cuda", "cuda", "eager"], said
    assert len({each["digest"] for each in said}) == 1, said
    assert server.json("GET", "/api/model")["modes"]["cuda"] == {"state": "ready"}
    for route in ("/v2/health/ready", "/v2/models/mnist/ready"):
        ready = server.json("GET", route + "?mode=cuda")
        assert ready["ready"] and ready["modes"]["cuda"] is True, ready
    assert server.metric('eigentensor_mode_ready{model="mnist",mode="cuda"}') == 1
    assert server.metric('eigentensor_inference_success_total{model="mnist",mode="cuda"}') == 3


def check_without(server):
    assert "cuda" not in server.json("POST", "/api/draw", sample("3-pen"), headers=PNG)["modes"]
    assert "cuda" not in server.json("GET", "/v2/health/ready")["modes"]
    assert not server.json("GET", "/v2/health/ready?mode=cuda", status=503)["ready"]
    assert "started with --cuda" in infer(server, 400, mode="cuda")["error"]


for options, check in ((["--cuda"], check_with_gpu), ([], check_without)):
    with Server(MODEL, "--no-aot", *options, cwd=server_client.ROOT) as server:
        check(server)
print("the server on a GPU: all well")
