"""A server process under test, and what tests say to it. Only the standard library."""
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLES = os.path.join(ROOT, "models/mnist/samples")
SANITIZED = any(name in os.environ["SERVER"] for name in ("asan", "tsan"))
SLOW = 4 if SANITIZED else 1


def sample(name):
    with open(os.path.join(SAMPLES, name + ".png"), "rb") as file:
        return file.read()


def comes(condition, looks=100 * SLOW):
    """Whether it comes true while it is looked for so often."""
    for _ in range(looks):
        if condition():
            return True
        time.sleep(0.05)
    return False


class Server:
    """Starts with the options; ends when the `with` does, and must end well."""

    def __init__(self, *options, env=None, quiet=True, wrap=(), log=subprocess.DEVNULL, cwd="/",
                 files=(), said=False):
        options = ["--port", "0", *options, *(["--quiet"] if quiet else [])]
        environment = {**os.environ, "XDG_CACHE_HOME": CACHE, **(env or {})}
        self.process = subprocess.Popen([*wrap, os.environ["SERVER"], *options], stdout=log,
                                        cwd=cwd, stderr=subprocess.PIPE, env=environment,
                                        pass_fds=files)
        self.before, found = "", None  # what it says before it is ready
        for line in self.process.stderr:
            found = re.search(r"http://[^ ]*:(\d+), ready after \d+ ms", line.decode())
            if found:
                break
            self.before += line.decode()
        assert found and (said or not self.before), "it does not start: " + self.before
        self.port = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        said = self.process.stderr.read().decode()
        status = self.process.wait(60)
        if not kind:
            assert status == 0 and not said, f"exit status {status}, said: {said}"

    def connect(self, timeout=60):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """status, headers in lower case, body."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            client.request(method, path, body=body, headers=headers or {})
            reply = client.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            client.close()

    def json(self, method, path, body=None, status=200, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers = {"Content-Type": "application/json", **(headers or {})}
        found, _, text = self.request(method, path, body, headers)
        assert found == status, f"{method} {path}: {found}, expected {status}: {text[:300]}"
        return json.loads(text)

    def raw(self, text, half_close=False, timeout=60):
        """Everything that comes back, until the server closes or nothing comes for a while."""
        with self.connect(timeout) as client:
            client.sendall(text)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            return receive(client)

    def metric(self, name):
        text = self.request("GET", "/metrics")[2].decode()
        return float(re.search("^" + re.escape(name) + " (.*)$", text, re.M)[1])

    def resources(self):
        """File descriptors once no connection but this one is open."""
        for _ in range(200 * SLOW):
            status, _, body = self.request("GET", "/metrics")
            text = body.decode()
            value = lambda name: float(re.search(f"^{name} (.*)$", text, re.M)[1])
            if status == 200 and value("eigentensor_connections") <= 1:  # 503: others still go
                return value("process_open_fds")
            time.sleep(0.05)
        return None

    def resident(self):
        return self.metric("process_resident_memory_bytes")

    def wait_for_aot(self, state="ready"):
        for _ in range(600 * SLOW):
            found = self.json("GET", "/api/model")["modes"]["aot"]
            if found["state"] != "building":
                break
            time.sleep(0.1)
        assert found["state"] == state, found
        return found


# Bytes that the allocator may keep for the next time: 500 connections have buffers of 16 MiB.
MOST_GROWTH = 24 << 20


@contextlib.contextmanager
def unharmed(*options):
    """A server that is afterwards as it was: it answers, with no more files and memory."""
    with Server(*options) as server:
        assert server.json("POST", "/infer", demo_body())["data"] == 3
        files, memory = server.resources(), server.resident()
        yield server
        assert server.resources() == files
        assert server.json("POST", "/infer", demo_body())["data"] == 3
        grown = server.resident() - memory
        assert grown < MOST_GROWTH or SANITIZED, f"{grown} bytes more"


def receive(client):
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except (ConnectionResetError, socket.timeout):
        pass
    return data


# Removed when the program ends.
CACHE_FOLDER = tempfile.TemporaryDirectory(prefix="eigentensor-test-")
CACHE = CACHE_FOLDER.name


def demo_body(name="3-pen", mode="anytensor"):
    image = base64.b64encode(sample(name)).decode()
    return json.dumps({"image_bytes": image, "mode": mode}).encode()


def post(path, body, kind="application/json", more=""):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def oip_request(mode=None):
    parameters = {"parameters": {"mode": mode}} if mode else {}
    return {**parameters, "inputs": [{"name": "input_image", "datatype": "FP32",
                                      "shape": [1, 1, 28, 28], "data": [0.5] * 784}]}


def graph_file(folder, name, nodes, inputs, outputs):
    graph = {"format": "eigentensor", "version": 2, "name": name, "inputs": inputs, "nodes": nodes,
             "outputs": outputs}
    path = os.path.join(folder, f"graph{len(os.listdir(folder))}.json")
    with open(path, "w") as file:
        json.dump(graph, file)
    return path


def long_file(folder, elements=2**36):
    """The sum of exp(x * i) over so many i: nothing to store, and minutes to compute."""
    wide = {"dtype": "float32", "shape": [elements]}
    one = {"dtype": "float32", "shape": [1]}
    graph = {"format": "eigentensor", "version": 2, "name": "long",
             "inputs": [{"name": "x", **one}],
             "nodes": [{"id": 0, "op": "input", "src": [], "name": "x", **one},
                       {"id": 1, "op": "expand", "src": [0], **wide},
                       {"id": 2, "op": "iota", "src": [], "dtype": "int64", "shape": [elements]},
                       {"id": 3, "op": "cast", "src": [2], **wide},
                       {"id": 4, "op": "mul", "src": [1, 3], **wide},
                       {"id": 5, "op": "exp", "src": [4], **wide},
                       {"id": 6, "op": "reduce_sum", "src": [5], "dtype": "float32", "shape": [],
                        "axes": [0]}],
             "outputs": [{"name": "y", "node": 6}]}
    path = os.path.join(folder, "long.json")
    with open(path, "w") as file:
        json.dump(graph, file)
    return path


def long_request(mode=None):
    parameters = {"parameters": {"mode": mode}} if mode else {}
    x = {"name": "x", "datatype": "FP32", "shape": [1], "data": [0.5]}
    return {**parameters, "inputs": [x]}


def png(width, height, rows=None, colour=0, depth=8, extra=b""):
    """A grey PNG, or one of another colour type; rows: the data to compress instead."""
    def chunk(kind, data):
        length, checksum = len(data), zlib.crc32(kind + data)
        return struct.pack(">I", length) + kind + data + struct.pack(">I", checksum)
    if rows is None:
        rows = (b"\0" + b"\0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + extra + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def run_tests(names):
    """Every test_ function there, or those that the arguments name; ends the process."""
    chosen = sys.argv[1:]
    unknown = [name for name in chosen if not name.startswith("test_") or name not in names]
    if unknown:
        sys.exit(f"no test is called {' '.join(unknown)}")
    failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or (chosen and name not in chosen):
            continue
        began = time.monotonic()
        try:
            note = test()
            skipped = f" skipped: {note}" if note else ""
            print(f"ok    {name} ({time.monotonic() - began:.1f} s){skipped}", flush=True)
        except Exception:  # every other test still has its say
            import traceback
            failed += 1
            print(f"FAIL  {name}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)
