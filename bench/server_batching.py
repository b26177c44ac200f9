#!/usr/bin/env python3
"""Dynamic batching under load on loopback: requests a second with and without it, taking turns.

    bench/server_batching.py build/eigentensor-server [--connections 16] [--delay 1000] [--rounds 5]

Two models, of one image a request: layers of 2048 x 2048, where a batch reads the weights once, and
MNIST, whose convolutions keep a core busy alone. Medians over the rounds; what a neighbour
takes both take, so that the ratio can be told from a machine that is not quiet."""
import hashlib
import json
import os
import random
import re
import statistics
import struct
import subprocess
import tempfile

from server_load import parser_of, start

LUA = """
wrk.method, wrk.path = "POST", "/v2/models/%s/infer"
local json = '%s'
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.headers["Inference-Header-Content-Length"] = tostring(#json)
wrk.body = json .. ("\\0\\0\\0\\63"):rep(%d)
done = function(summary, latency)
    io.write(string.format("RESULT %%d %%f %%f %%f %%d\\n", summary.requests,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        summary.errors.status))
end
"""


class Graph:
    def __init__(self, name, shape):
        self.name, self.nodes, self.weights, self.shape = name, [], {}, shape
        self.last = self.add("input", [], shape, name="x")

    def add(self, op, sources, shape, **more):
        self.nodes.append({"id": len(self.nodes), "op": op, "src": sources, "dtype": "float32",
                           "shape": shape, **more})
        return len(self.nodes) - 1

    def weight(self, shape):
        name = f"w{len(self.weights)}"
        self.weights[name] = shape
        return self.add("weight", [], shape, name=name)

    def write(self, folder):
        header, data, values = {}, b"", random.Random(1)
        for name, shape in self.weights.items():
            count = 1
            for extent in shape:
                count *= extent
            piece = struct.pack(f"<{count}f", *(values.uniform(-0.05, 0.05) for _ in range(count)))
            header[name] = {"dtype": "F32", "shape": shape,
                            "data_offsets": [len(data), len(data) + len(piece)]}
            data += piece
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        file = struct.pack("<Q", len(text)) + text + data
        with open(os.path.join(folder, self.name + ".safetensors"), "wb") as out:
            out.write(file)
        weights = {"file": self.name + ".safetensors", "sha256": hashlib.sha256(file).hexdigest(),
                   "tensors": [{"name": name, "dtype": "float32", "shape": shape}
                               for name, shape in self.weights.items()]}
        with open(os.path.join(folder, self.name + ".json"), "w") as out:
            json.dump({"format": "eigentensor", "version": 2, "name": self.name,
                       "inputs": [{"name": "x", "dtype": "float32", "shape": self.shape}],
                       "weights": weights, "nodes": self.nodes,
                       "outputs": [{"name": "y", "node": self.last}]}, out)


def layers(width=2048, count=2):
    graph = Graph("layers", ["N", width])
    for _ in range(count):
        weight = graph.weight([width, width])
        x = graph.add("reshape", [graph.last], ["N", width, 1])
        x = graph.add("expand", [x], ["N", width, width])
        weight = graph.add("reshape", [weight], [1, width, width])
        weight = graph.add("expand", [weight], ["N", width, width])
        graph.last = graph.add("contract", [x, weight], ["N", width], axes=[1])
    return graph


def load(port, script, connections, seconds):
    said = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script,
                           f"http://127.0.0.1:{port}"], capture_output=True, text=True).stdout
    count, duration, p50, p99, failed = map(float, re.search("RESULT (.*)", said)[1].split())
    assert not failed, said
    return count / duration, p50, p99


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--delay", type=int, default=1000, help="microseconds (default: 1000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each run (default: 2)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        graph = layers()
        graph.write(folder)
        mnist = os.path.join(folder, "mnist.json")
        subprocess.run([os.path.join(os.path.dirname(arguments.program), "eigentensor"), "batch",
                        os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                     "../models/mnist/mnist.json"), "-o", mnist], check=True,
                       stdout=subprocess.DEVNULL)
        paths = [os.path.join(folder, "layers.json"), mnist]
        most = max(arguments.connections // os.cpu_count(), 2)  # so that each thread has a batch
        batching = f"--max-delay={arguments.delay}", f"--max-batch={most}"
        servers = [start(arguments.program, *paths), start(arguments.program, *batching, *paths)]
        print(f"{arguments.connections} connections, at most {most} images and {arguments.delay} "
              f"us; medians of {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}")
        print("model     alone: req/s     p50     p99   together: req/s     p50     p99   ratio")
        for name, shape, count, tensor in (("layers", "[1,2048]", 2048, "x"),
                                           ("mnist", "[1,1,28,28]", 784, "input_image")):
            request = json.dumps({"inputs": [{"name": tensor, "datatype": "FP32",
                                              "shape": json.loads(shape),
                                              "parameters": {"binary_data_size": 4 * count}}],
                                  "parameters": {"binary_data_output": True}})
            script = os.path.join(folder, name + ".lua")
            with open(script, "w") as file:
                file.write(LUA % (name, request, count))
            found = [[load(port, script, arguments.connections, arguments.seconds)
                      for _, port in servers] for _ in range(arguments.rounds)]
            alone, together = ([statistics.median(one[i][k] for one in found) for k in range(3)]
                               for i in range(2))
            ratio = statistics.median(one[1][0] / one[0][0] for one in found)
            print(f"{name:9} {alone[0]:12.0f} {alone[1]:7.0f} {alone[2]:7.0f} {together[0]:17.0f} "
                  f"{together[1]:7.0f} {together[2]:7.0f} {ratio:7.2f}")
        for server, _ in servers:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
