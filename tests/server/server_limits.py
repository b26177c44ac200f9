"""No request holds the server for ever, or keeps its memory.

SERVER names the program. Each test_ function is a test; arguments choose some by name."""
from server_client import *


def hold(server, count):
    """Sockets with requests on them that will not be answered soon."""
    clients = [server.connect() for _ in range(count)]
    for client in clients:
        client.sendall(post("/v2/models/long/infer", json.dumps(long_request()).encode(),
                            more="Connection: close\r\n"))
    time.sleep(0.3 * SLOW)
    return clients


def ended(server, signals=1):
    """Seconds from SIGTERM to the end, the exit status and what was said."""
    began = time.monotonic()
    for _ in range(signals):
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    said = server.process.stderr.read().decode()
    return time.monotonic() - began, server.process.wait(60), said


def killed(server):
    server.process.kill()
    server.process.wait()
    server.process.stderr.close()


def test_there_are_as_many_threads_as_cpus_that_it_may_use():
    bound = [sys.executable, "-c", "import os, sys; os.sched_setaffinity(0, {%d}); "
             "os.execv(sys.argv[1], sys.argv[1:])" % min(os.sched_getaffinity(0))]

    def threads(*options, wrap=()):
        with Server("--no-aot", *options, wrap=wrap) as server:
            return len(os.listdir(f"/proc/{server.process.pid}/task"))

    assert threads(wrap=bound) == threads("--threads", "1")


def test_where_machine_code_is_refused_the_interpreter_runs():
    hardened = [sys.executable, os.path.join(ROOT, "tests/support/hardened.py"), "no-memory-files"]
    with tempfile.TemporaryDirectory() as folder:
        with Server(long_file(folder, 1000), "--no-aot", wrap=hardened) as server:
            warning = server.process.stderr.readline().decode()
            assert "warning: no jit: the system refuses memory for machine code" in warning, warning
            modes = server.json("GET", "/api/model")["modes"]
            assert modes["jit"]["state"] == "failed" and "refuses" in modes["jit"]["message"], modes
            for mode in None, "jit", "eager":
                reply = server.json("POST", "/v2/models/long/infer", long_request(mode))
                assert reply["parameters"]["mode"] == "eager", reply
            assert server.json("GET", "/api/kernels")["mode"] == "jit"
            metrics = server.request("GET", "/metrics")[2].decode()
            assert re.search(r'mode_ready{[^}]*"jit"[^}]*} 0', metrics), metrics


def test_health_is_apart_from_the_work():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(long_file(folder), "--no-aot", "--threads", "2")
        try:
            clients = hold(server, 5)
            for path in ("/healthz", "/metrics", "/v2/health/live", "/v2/health/ready", "/", "/v2",
                         "/v2/models/long", "/v2/models/long/ready", "/v2/models/stats"):
                assert server.request("GET", path)[0] == 200, path
            assert server.metric("eigentensor_requests_in_flight") == 6  # none of them has ended
            for client in clients:
                client.close()
        finally:
            killed(server)


def test_runs_have_a_time():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(long_file(folder), "--no-aot", "--threads", "2", "--run-timeout", "1")
        try:
            for client in hold(server, 5):  # those in the queue, too
                reply = receive(client)
                assert reply.startswith(b"HTTP/1.1 504 ") and b"--run-timeout" in reply, reply[:300]
            assert server.metric("eigentensor_requests_in_flight") == 1
            server.process.send_signal(signal.SIGTERM)  # the workers are free: it ends well
            assert server.process.wait(60) == 0
        finally:
            killed(server)


def test_the_interpreter_ends_between_operations():
    """Sixty times exp of eight million elements: seconds, in steps of some milliseconds."""
    wide = {"dtype": "float32", "shape": [1 << 23]}
    nodes = [{"id": 0, "op": "input", "src": [], "dtype": "float32", "shape": [1], "name": "x"},
             {"id": 1, "op": "expand", "src": [0], **wide}]
    nodes += [{"id": i, "op": "exp", "src": [i - 1], **wide} for i in range(2, 62)]
    nodes += [{"id": 62, "op": "reduce_sum", "src": [61], "dtype": "float32", "shape": [],
               "axes": [0]}]
    graph = {"format": "eigentensor", "version": 2, "name": "long", "nodes": nodes,
             "inputs": [{"name": "x", "dtype": "float32", "shape": [1]}],
             "outputs": [{"name": "y", "node": 62}]}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "long.json")
        with open(path, "w") as file:
            json.dump(graph, file)
        with Server(path, "--no-aot", "--run-timeout", "1") as server:
            body = json.dumps(long_request("eager")).encode()
            status, _, text = server.request("POST", "/v2/models/long/infer", body)
            assert status in (504, 200), text  # 200 on a machine fast enough
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)  # the worker is free: it ends well
            assert server.process.wait(60) == 0


def test_sigterm_ends_a_run():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(long_file(folder), "--no-aot", "--threads", "2", "--drain-seconds", "1")
        clients = hold(server, 3)
        seconds, status, said = ended(server)
        assert seconds >= 1 and status == 0 and not said, (seconds, status, said)
        for client in clients:
            reply = receive(client)
            assert reply.startswith(b"HTTP/1.1 503 "), reply[:300]


def test_a_second_sigterm_ends_at_once():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(long_file(folder), "--no-aot", "--threads", "2", "--drain-seconds", "60")
        clients = hold(server, 1)
        seconds, status, _ = ended(server, signals=2)
        assert seconds < 60 and status == 1, (seconds, status)
        for client in clients:
            client.close()


def test_new_connections_hear_that_it_stops():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(long_file(folder), f"{ROOT}/models/mnist/mnist.json", "--no-aot",
                        "--threads", "2", "--drain-seconds", "3")
        clients = hold(server, 1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        status, headers, text = server.request("POST", "/infer", demo_body())
        assert status == 503 and b"stopping" in text, (status, text)
        assert headers["retry-after"] == "1"
        assert server.request("GET", "/healthz")[0] == 503
        assert server.request("GET", "/v2/health/ready")[0] == 503
        assert server.request("GET", "/v2/health/live")[0] == 200
        for client in clients:
            client.close()
        killed(server)


def test_memory_of_a_request_is_bounded():
    with tempfile.TemporaryDirectory() as folder:
        path = long_file(folder)
        with Server(path, "--no-aot") as server:  # the interpreter would store every step
            said = server.json("POST", "/v2/models/long/infer", long_request("eager"), 400)["error"]
            assert "--max-memory" in said and "eager" in said, said
        mnist = f"{ROOT}/models/mnist/mnist.json"
        with Server(mnist, "--no-aot", "--max-memory", "1048576") as server:
            assert server.json("POST", "/infer", demo_body())["data"] == 3
        rows = {"dtype": "float32", "shape": ["N", 100000]}
        graph = {"format": "eigentensor", "version": 2, "name": "big",
                 "inputs": [{"name": "x", **rows}],
                 "nodes": [{"id": 0, "op": "input", "src": [], "name": "x", **rows},
                           {"id": 1, "op": "neg", "src": [0], **rows}],
                 "outputs": [{"name": "y", "node": 1}]}
        path = os.path.join(folder, "big.json")
        with open(path, "w") as file:
            json.dump(graph, file)
        with Server(path, "--no-aot", "--max-memory", "2000000") as server:
            for batch, status in ((2, 200), (3, 400), (1000, 400)):
                header = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [batch, 100000],
                                      "parameters": {"binary_data_size": 400000 * batch}}],
                          "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}
                text = json.dumps(header).encode()
                found, _, reply = server.request(
                    "POST", "/v2/models/big/infer", text + bytes(400000 * min(batch, 3)),
                    {"Inference-Header-Content-Length": str(len(text))})
                seen = batch, found, reply[:200]
                assert found == status and (status == 200 or b"--max-memory" in reply), seen
        for tensor in (graph["inputs"][0], *graph["nodes"]):
            tensor["shape"] = [1000000]
        with open(path, "w") as file:
            json.dump(graph, file)
        for option, most, reason in (
                ("--max-memory", "2000000", "--max-memory"),
                ("--compile-limit-nodes", "3", "--compile-limit-nodes raises the limit")):
            refused = subprocess.run([os.environ["SERVER"], path, "--no-aot", option, most],
                                     text=True, capture_output=True, timeout=60)
            assert refused.returncode == 1 and reason in refused.stderr, refused


# Eight megabytes that are hardest on a parser, and whether they are taken for JSON at all.
DOCUMENTS = {
    "lists in a list": b"[" + b"[]," * 2700000 + b"[]]",
    "objects in a list": b"[" + b"{}," * 2700000 + b"{}]",
    "lists of lists": b"[" + b"[[[[]]]]," * 900000 + b"[]]",
    "members": b"{" + b",".join(b'"%x":0' % i for i in range(800000)) + b"}",
    "strings": b"[" + b'"",' * 2700000 + b'""]',
    "digits": b"[" + b"0," * 4000000 + b"0]",
    "a string": b'["' + b"a" * 8000000 + b'"]',
}


def test_json_gives_its_memory_back():
    with Server("--no-aot", "--threads", "2") as server:
        server.json("POST", "/infer", demo_body())
        before = server.resident()
        for name, body in DOCUMENTS.items():
            paths = ("/v2/models/mnist/infer", "/infer", "/api/draw")
            for path in paths if name == "lists in a list" else paths[:1]:
                status, _, text = server.request("POST", path, body,
                                                 {"Content-Type": "application/json"})
                assert status in (400, 422), (name, path, status, text[:200])
            grown = server.resident() - before
            assert grown < 16e6 or SANITIZED, f"{name}: {grown} bytes are kept"
        if not SANITIZED:
            with open(f"/proc/{server.process.pid}/status") as file:
                peak = int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024
            assert peak - before < 320e6, f"{peak} bytes at the peak"


if __name__ == "__main__":
    run_tests(globals())
