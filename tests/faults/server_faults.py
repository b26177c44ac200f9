"""Lets the n-th call of a kind fail, for one n after the other (fail_nth.py), in every route of a
running server.

    SERVER=PROGRAM server_faults.py FAIL_NTH.so [ROUTE...]

While one request is under way, its n-th allocation, mapping, open, read or write fails. The client
then gets what it always gets, an error that is well-formed, or a closed connection; the same
request right afterwards is answered as ever; and the server holds no more memory than before.
Beginning to serve is tried in the same way: it ends with a message and status 1, or serves."""
import gzip
import json
import math
import mmap
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fail_nth
from fail_nth import KINDS, calls, open_model

sys.path.append(str(Path(__file__).parent.parent / "server"))
from server_client import ROOT, demo_body, oip_request, sample

LIBRARY = sys.argv[1]
SPARED = fail_nth.spared(os.environ["SERVER"])
MNIST = os.path.join(ROOT, "models/mnist/mnist.json")
LOGGED = ("GET /healthz", "POST /infer")  # these with an access log, too
NO_END = b"no end to: "
SECONDS = 60  # that a reply may take

# What of a reply is another each time: what is measured or counted.
VARYING = re.compile("micro|milli|_us$|_ms$|_ns$|nanos|count|second|time|bytes|usage|last_inf"
                     "|requests|^ns$|latenc")


class Control:
    """The struct control of fail_nth.c."""

    def __init__(self, path):
        path.write_bytes(struct.pack("5q", len(KINDS), 0, 0, 0, 0))
        self.file = path.open("r+b")
        self.memory = mmap.mmap(self.file.fileno(), 40)

    def __getitem__(self, place):
        return struct.unpack_from("q", self.memory, 8 * place)[0]

    def arm(self, kind, nth):
        struct.pack_into("3q", self.memory, 8, nth, 0, 0)
        struct.pack_into("q", self.memory, 0, KINDS.index(kind))

    def disarm(self):
        """Whether a call has failed."""
        struct.pack_into("q", self.memory, 0, len(KINDS))
        return self[3] == 1

    @property
    def live(self):
        return self[4]


class Server:
    def __init__(self, folder, *options):
        folder.mkdir()
        self.control, self.folder = Control(folder / "control"), folder
        self.environment = {**os.environ, "LD_PRELOAD": LIBRARY, "TMPDIR": str(folder),
                            "XDG_CACHE_HOME": str(folder.parent / "cache"),
                            "FAULT_SPARE": SPARED,
                            "FAULT_CONTROL": str(folder / "control")}
        self.options = [os.environ["SERVER"], "--port=0", "--threads=1", *options]

    def start(self):
        """Whether it serves now; if not, it has ended."""
        self.said = ""
        self.process = subprocess.Popen(self.options, env=self.environment, text=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            found = re.search(r"http://[^ ]*:(\d+), ready after", line)
            if found:
                self.port = int(found[1])
                return True
            self.said += line
        self.process.wait(SECONDS)
        return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.said += self.process.stderr.read()
        return self.process.wait(SECONDS)

    def ask(self, request):
        """All that comes until the server closes."""
        data = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as client:
            try:
                client.sendall(request)
                while piece := client.recv(1 << 20):
                    data += piece
            except ConnectionError:
                pass
            except TimeoutError:
                return NO_END + data
        return data

    def live_is(self, count):
        """Connections end a moment after their clients have all bytes."""
        return self.comes_to(lambda live: live <= count)

    def comes_to(self, condition):
        """Whether what is held becomes so, within the time that a reply may take."""
        for _ in range(100 * SECONDS):
            if condition(self.control.live):
                return True
            time.sleep(0.01)
        return False

    def wait_for_builder(self):
        """Until each model is compiled and its kernels are timed."""
        for model in json.loads(split(self.ask(http("GET", "/api/model")))[1])["models"]:
            for _ in range(600):
                _, text = split(self.ask(http("GET", f"/api/kernels?model={model}")))
                if any(float(value) for value in re.findall(r'"microseconds": ?([0-9.e-]+)',
                                                          text.decode())):
                    break
                time.sleep(0.1)

    def settle(self, seconds=0.05):
        """Waits until no memory comes or goes; how much there is."""
        last = None
        while last != (last := self.control.live):
            time.sleep(seconds)
        return last


# ---- Requests ----


def http(method, path, body=b"", kind="application/json", more=""):
    return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            f"{more}Content-Length: {len(body)}\r\n\r\n").encode() + body


def chunked(path, body):
    head = (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    pieces = [body[i:i + 1000] for i in range(0, len(body), 1000)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def binary_request():
    data = struct.pack("<784f", *(i % 7 / 7 for i in range(784)))
    head = json.dumps({"inputs": [{"name": "input_image", "datatype": "FP32",
                                   "shape": [1, 1, 28, 28],
                                   "parameters": {"binary_data_size": len(data)}}],
                       "parameters": {"binary_data_output": True}}).encode()
    return head + data, f"Inference-Header-Content-Length: {len(head)}\r\n"


def batch_request(extent=3):
    """For linear.json with a batch axis."""
    def row(name, *shape):
        values = [i % 11 / 8 for i in range(math.prod(shape))]
        return {"name": name, "datatype": "FP32", "shape": shape, "data": values}
    return json.dumps({"inputs": [row(name, extent, *shape) for name, *shape in
                                  (("x", 4, 8), ("w", 8, 16), ("b", 16))]}).encode()


def sized_request():
    """For open_model, at a size that is not the first."""
    x = {"name": "x", "datatype": "FP32", "shape": [2, 5], "data": list(range(10))}
    return json.dumps({"inputs": [x]}).encode()


def requests():
    """{name: request}; a name is a row of routes.def, or none."""
    values = {"{model}": "mnist", "{version}": "1"}
    inference = json.dumps(oip_request()).encode()
    bodies = {"/infer": (demo_body(),), "/api/draw": (sample("3-pen"), "image/png"),
              "/api/activations": (sample("3-pen"), "image/png"), "infer": (inference,)}
    found = {}
    text = Path(ROOT, "server/routes.def").read_text()
    for method, pattern in re.findall(r'^ROUTE\("(\w+)", "([^"]*)"', text, re.M):
        path = pattern
        for name, value in values.items():
            path = path.replace(name, value)
        body = bodies.get(pattern) or bodies.get(pattern.rsplit("/", 1)[1]) or (b"",)
        found[f"{method} {pattern}"] = http(method, path, *(body if method == "POST" else ()))
    binary, header = binary_request()
    zipped = gzip.compress(inference, mtime=0)
    infer = "/v2/models/mnist/infer"
    return {
        **found,
        "picture in JSON": http("POST", "/api/draw", demo_body()),
        "inference, chunked": chunked(infer, inference),
        "inference, gzip": http("POST", infer, zipped, more="Content-Encoding: gzip\r\n"),
        "inference, binary": http("POST", infer, binary, "application/octet-stream", header),
        "inference, batch": http("POST", "/v2/models/linear/infer", batch_request()),
        "inference, new size": http("POST", "/v2/models/open/infer", sized_request()),
        "inference, eager": http("POST", infer, json.dumps(oip_request("eager")).encode()),
        "not JSON": http("POST", infer, b'{"inputs": [1, 2'),
        "not a picture": http("POST", "/infer", b"x" * 3000, "image/png"),
        "a file": http("GET", "/", more="Accept-Encoding: gzip\r\n"),
        "no file": http("GET", "/nothing/here"),
        "OPTIONS": http("OPTIONS", "/infer"),
        "bad request": b"GET / HTTP/1.1\r\n\r\n",
    }


# ---- Replies ----


def split(reply):
    """The status and the body; None: it is no whole reply."""
    head, end, body = reply.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.1 (\d\d\d) ", head)
    length = re.search(rb"\r\nContent-Length: (\d+)", head, re.I)
    promised = int(length[1]) if length else 0 if status and status[1] == b"204" else -1
    if not end or not status or promised != len(body):
        return None
    return int(status[1]), body


def masked(value, varies=False):
    if isinstance(value, dict):
        return {key: masked(member, varies or VARYING.search(key)) for key, member in value.items()}
    if isinstance(value, list):
        return [masked(item, varies) for item in value]
    return 0 if varies and isinstance(value, (int, float)) else value


def comparable(reply):
    """The reply without what is another each time."""
    status, body = split(reply) or (0, reply)
    text = body.decode("latin1")
    try:
        value, end = json.JSONDecoder().raw_decode(text)
        return status, masked(value), text[end:]  # binary tensors may follow
    except ValueError:
        return status, re.findall("(?m)^# TYPE.*", text) or text


def wrong_with(reply, expected, kind):
    """None: nothing."""
    found = split(reply)
    if found is None:
        closed = not reply or (kind == "write" and not reply.startswith(NO_END))
        return None if closed else f"half a reply: {reply[:200]!r}"
    status, body = found
    if status == expected[0]:
        return None if comparable(reply) == expected else f"another reply: {reply[:600]!r}"
    if status < 500:
        return f"status {status}: {body!r}"
    try:
        return None if any(json.loads(body).values()) else f"an error without words: {body!r}"
    except (ValueError, AttributeError):
        return f"an error that is no JSON: {reply[:200]!r}"


# ---- The test ----


def try_request(server, name, request):
    tried, wrong = {}, []
    server.ask(request)
    expected = comparable(server.ask(request))
    assert comparable(server.ask(request)) == expected, f"{name}: other replies each time"
    live = server.settle()
    for kind in KINDS:
        for nth in calls():
            server.control.arm(kind, nth)
            reply = server.ask(request)
            failed = server.control.disarm()
            problem = wrong_with(reply, expected, kind)
            after = comparable(server.ask(request)) if server.process.poll() is None else None
            if after != expected:
                problem = f"the next reply is {str(after)[:300]}, after {problem}"
            elif not server.live_is(live):
                problem = f"{server.control.live - live} blocks of memory are leaked"
                live = server.control.live
            if problem:
                wrong.append(f"{name}: {kind} {nth}: {problem}")
            if not failed or after is None:
                break
            tried[kind] = tried.get(kind, 0) + 1
    return name, tried, wrong


def try_many(server, name="connections at once"):
    """What many connections at once needed does not stay once they are gone."""
    live, wrong = server.settle(), []
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for client in clients:
        client.sendall(b"GET /")
    if not server.comes_to(lambda held: held >= live + len(clients)):
        wrong = [f"{name}: not each of them has memory"]
    for client in clients:
        client.close()
    if not wrong and not server.live_is(live):
        wrong = [f"{name}: {server.control.live - live} blocks of memory are leaked"]
    return name, {}, wrong


def try_start(server, request):
    tried, wrong, expected = {}, [], None
    for kind in ("none", *KINDS):
        for nth in calls():
            server.control.arm(kind, nth) if kind != "none" else server.control.disarm()
            serves = server.start()
            reply = server.ask(request) if serves else b""
            failed = server.control.disarm()
            after = comparable(server.ask(request)) if serves else None
            expected = expected or after
            status = server.stop() if serves else server.process.returncode
            if "warning: no jit" in server.said:
                after = expected  # by the interpreter
                reply = b""
            problem = wrong_with(reply, expected, kind)
            if serves and (after != expected or status != 0):
                problem = f"status {status}, the next reply is {str(after)[:300]}"
            elif not serves and (status != 1 or not server.said.startswith("eigentensor-server: ")):
                problem = f"status {status}, it said {server.said!r}"
            elif server.control.live:
                problem = f"{server.control.live} blocks of memory are leaked ({server.said})"
            if problem:
                wrong.append(f"start: {kind} {nth}: {problem}")
            struct.pack_into("q", server.control.memory, 32, 0)
            if not failed:
                break
            tried[kind] = tried.get(kind, 0) + 1
    return "start", tried, wrong


def try_requests(folder, rows, *options):
    server = Server(folder, *options)
    assert server.start(), server.said
    server.wait_for_builder()
    yield try_many(server)
    for name, request in rows:
        yield try_request(server, name, request)
        if server.process.poll() is not None:
            break
    wrong = []
    if server.stop() != 0 or server.said:
        wrong = [f"SIGTERM: status {server.process.returncode}, said: {server.said}"]
    yield "SIGTERM", {}, wrong


def try_starts(folder, model):
    request = http("POST", "/v2/models/linear/infer", batch_request())
    yield try_start(Server(folder, "--no-aot", model), request)


def report(results):
    total, failures = 0, 0
    for name, tried, wrong in results:
        total += sum(tried.values())
        failures += len(wrong)
        counts = ", ".join(f"{count} {kind}" for kind, count in tried.items())
        print("\n".join([f"{name:45} {counts}", *(f"FAILED: {one}" for one in wrong)]), flush=True)
    return total, failures


def batched_model(folder):
    """The example that takes as many of its inputs at once as wanted."""
    tool, path = Path(os.environ["SERVER"]).parent / "eigentensor", str(folder / "linear.json")
    subprocess.run([tool, "batch", os.path.join(ROOT, "examples/linear.json"), "-o", path],
                   check=True, stdout=subprocess.DEVNULL)
    return path


def served_folder(folder):
    path = folder / "models"
    path.mkdir()
    shutil.copy(os.path.join(ROOT, "examples/linear.json"), path)
    return str(path)


def main():
    rows = list(requests().items())
    if len(sys.argv) > 2:
        rows = [row for row in rows if row[0] in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(4) as threads:
        folder = Path(name)
        logged = [(f"{name}, logged", row) for name, row in rows if name in LOGGED]
        batched = batched_model(folder)
        # No program but that of the first size is kept: each request makes its own.
        # Batches are those of one request.
        models = ("--quiet", "--max-sizes=1", "--max-delay=300", MNIST, batched,
                  open_model(folder / "open.onnx"))
        parts = [try_requests(folder / "0", rows[::2], *models),
                 try_requests(folder / "1", rows[1::2], *models),
                 try_requests(folder / "2", logged)]
        if len(sys.argv) <= 2 or "load" in sys.argv[2:]:
            row = "load", http("POST", "/v2/repository/models/linear/load")
            parts.append(try_requests(folder / "4", [row], "--no-aot",
                                      "--models", served_folder(folder)))
        if len(sys.argv) <= 2 or "start" in sys.argv[2:]:
            parts.append(try_starts(folder / "3", batched))
        results = list(threads.map(report, parts))
        left = [path.name for path in folder.glob("[0-4]/*") if path.name != "control"]
    total, failures = (sum(column) for column in zip(*results))
    if left:
        print(f"FAILED: left in the temporary folder: {left}")
    print(f"{total} calls failed, one at a time, {failures} of them not as they should")
    return 1 if failures or left else 0


sys.exit(main())
