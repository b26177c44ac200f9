"""The server over HTTP: every route, status and limit, and what hostile clients do to it.

SERVER names the program. Each test_ function is a test; arguments choose some by name."""
import random
import shutil
from pathlib import Path

from server_client import *
import server_schema

# ---- Routes ----


def with_receipt(server):
    """A run to verify, with the receipt that the server itself gives of it."""
    asked = {**oip_request(), "parameters": {"receipt": True}}
    reply = server.json("POST", "/v2/models/mnist/infer", asked)
    return json.dumps({**asked, "receipt": reply["parameters"]["receipt"]}).encode()


@contextlib.contextmanager
def served_folder():
    """MNIST, and once more to be loaded and unloaded."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mnist", "my-model"):
            os.mkdir(os.path.join(folder, name))
            for ending in (".json", ".safetensors"):
                shutil.copy(os.path.join(ROOT, "models/mnist/mnist" + ending),
                            os.path.join(folder, name))
        yield folder


def test_openapi_is_true():
    with served_folder() as folder, Server("--no-aot", "--models", folder) as server:
        document = server.json("GET", "/openapi.json")
        bodies = {"/infer": (demo_body(), "application/json"),
                  "/api/draw": (sample("3-pen"), "image/png"),
                  "/api/activations": (sample("3-pen"), "image/png"),
                  "/v2/models/{model}/verify": (with_receipt(server), "application/json")}
        for pattern, item in document["paths"].items():
            model = "my-model" if "/repository/" in pattern else "mnist"
            path = pattern.replace("{model}", model).replace("{version}", "1")
            path = path.replace("{name}", "3-pen.png")
            for method, operation in item.items():
                body, kind = bodies.get(pattern, (json.dumps(oip_request()).encode(),
                                                  "application/json"))
                arguments = (body, {"Content-Type": kind}) if method == "post" else ()
                status, headers, text = server.request(method.upper(), path, *arguments)
                assert status == 200, (path, status, text)
                content = operation["responses"]["200"]["content"]
                kind = headers["content-type"].split(";")[0]
                assert kind in content, (path, kind)
                if kind == "application/json":
                    server_schema.check(json.loads(text), content[kind]["schema"], document, path)
                check_errors(server, document, path, method, operation)


def check_errors(server, document, path, method, operation):
    """Errors that any route can give have the documented form."""
    status, headers, _ = server.request("BREW", path)
    assert status == 405 and method.upper() in headers["allow"], (path, status)
    if method == "get":
        status, headers, text = server.request("HEAD", path)
        assert status == 200 and not text and int(headers["content-length"]) > 0, path
    if not operation.get("requestBody", {}).get("required"):
        return  # no body is wrong
    for body, kind, statuses in ((b"{}", "application/json", (400, 422)), (b"x", "a/b", (415,))):
        status, _, text = server.request("POST", path, body, {"Content-Type": kind})
        assert status in statuses, (path, status)
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        server_schema.check(json.loads(text), schema, document, path)


def test_curl_lines_work_as_pasted():
    if subprocess.run(["sh", "-c", "command -v curl"], capture_output=True).returncode:
        return "curl is not there"
    with served_folder() as folder, Server("--no-aot", "--models", folder) as server:
        for path, item in server.json("GET", "/openapi.json")["paths"].items():
            for method, operation in item.items():
                line = operation["x-curl"].replace(":8989", f":{server.port}")
                line = line.replace(" -o 3-pen.png", "")
                said = subprocess.run(["sh", "-c", line], capture_output=True, cwd=ROOT).stdout
                assert said and not said.startswith((b'{"detail', b'{"error')), (line, said)


def test_curl_lines_of_the_guide():
    if subprocess.run(["sh", "-c", "command -v curl"], capture_output=True).returncode:
        return "curl is not there"
    with open(os.path.join(ROOT, "docs/using.md")) as file:
        lines = re.findall(r"^curl (?:.*\\\n)*.*", file.read(), re.M)
    assert len(lines) >= 3, lines
    with Server("--no-aot") as server:
        for line in lines:
            said = subprocess.run(["sh", "-c", line.replace(":8989", f":{server.port}")],
                                  capture_output=True, cwd=ROOT).stdout
            reply = json.loads(said)
            assert "detail" not in reply and "error" not in reply, (line, said)
            if "7-pen" in line:
                assert reply.get("prediction", reply.get("data")) == 7, (line, said)


def test_page_comes_with_its_headers():
    with Server("--no-aot") as server:
        status, headers, text = server.request("GET", "/")
        assert status == 200 and b"<!doctype html>" in text.lower()
        assert headers["content-security-policy"].startswith("default-src 'self'")
        policy = headers["content-security-policy"].replace("'wasm-unsafe-eval'", "")
        assert "unsafe" not in policy, policy
        assert headers["x-content-type-options"] == "nosniff"
        again = server.request("GET", "/", headers={"If-None-Match": headers["etag"]})
        assert again[0] == 304 and not again[2]
        names = set(re.findall(r'(?:src|href)="/?([a-z]+\.(?:js|css|svg))"', text.decode()))
        assert names
        total = 0
        for name in names:
            status, headers, text = server.request("GET", "/" + name, None,
                                                   {"Accept-Encoding": "gzip"})
            assert status == 200, name
            total += len(text)
        assert total < 60000, total


def test_browsers_of_other_origins_may_ask():
    with Server("--no-aot") as server:
        status, headers, _ = server.request("OPTIONS", "/infer", None, {
            "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"})
        assert status == 204 and headers["access-control-allow-origin"] == "*"
        assert "POST" in headers["access-control-allow-methods"]
        assert "Content-Type" in headers["access-control-allow-headers"]
    with Server("--no-aot", "--cors", "https://a.example") as server:
        headers = server.request("POST", "/infer", demo_body())[1]
        assert headers["access-control-allow-origin"] == "https://a.example"
    with Server("--no-aot", env={"EIGENTENSOR_CORS": ""}) as server:
        assert "access-control-allow-origin" not in server.request("GET", "/healthz")[1]


def test_demo_contract():
    with Server("--no-aot") as server:
        for digit in range(10):
            for mode in ("regular", "anytensor"):
                reply = server.json("POST", "/infer", demo_body(f"{digit}-canvas", mode))
                assert reply == {"status": "success", "data": digit}


def test_replies_say_where_their_time_went():
    with Server("--no-aot") as server:
        began = time.monotonic()
        headers = server.request("POST", "/infer", demo_body("3-canvas"))[1]
        whole = (time.monotonic() - began) * 1000
        times = dict(part.split(";dur=") for part in headers["server-timing"].split(", "))
        assert list(times) == ["queue", "parse", "decode", "prepare", "compute"], times
        assert 0 < sum(map(float, times.values())) <= whole, (times, whole)
        assert "Server-Timing" in headers["access-control-expose-headers"]
        reply = server.json("POST", "/v2/models/mnist/infer", oip_request())
        assert all(reply["parameters"][key] > 0 for key in ("queue_us", "parse_us", "compute_us"))
        text = server.request("GET", "/metrics")[2].decode()
        for stage in times:
            assert f'model="mnist",mode="jit",stage="{stage}"}}' in text, stage


def test_metrics_are_prometheus_text():
    with Server("--no-aot") as server:
        for mode in ("regular", "jit"):
            server.json("POST", "/infer", demo_body(mode=mode))
        server.json("POST", "/v2/models/mnist/infer", {}, 400)
        _, headers, text = server.request("GET", "/metrics")
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        label = r'[a-z]+="[^"\\\n]*"'
        line = re.compile(r"([a-z_]+)(?:\{(%s(?:,%s)*)\})? (\S+)" % (label, label))
        typed, seen, buckets = {}, set(), {}
        for row in text.decode().splitlines():
            if row.startswith("# TYPE "):
                typed[row.split()[2]] = row.split()[3]
            if row.startswith("#"):
                continue
            name, labels, value = line.fullmatch(row).groups()
            assert re.sub("_(bucket|sum|count)$", "", name) in typed or name in typed, name
            assert (name, labels) not in seen, row
            seen.add((name, labels))
            if name.endswith("_bucket"):
                key = name, re.sub(',le="[^"]*"', "", labels)
                assert float(value) >= buckets.get(key, 0), row
                buckets[key] = float(value)
        text = text.decode()
        assert 'eigentensor_inference_success_total{model="mnist",mode="eager"} 1\n' in text
        assert 'eigentensor_inference_failure_total{model="mnist"} 1\n' in text
        assert 'route="/infer",method="POST",status="200"} 2\n' in text


def test_binary_tensors():
    with Server("--no-aot") as server:
        header = {"inputs": [{"name": "input_image", "datatype": "FP32", "shape": [1, 1, 28, 28],
                              "parameters": {"binary_data_size": 3136}}],
                  "parameters": {"binary_data_output": True}}
        text = json.dumps(header).encode()
        body = text + struct.pack("<784f", *[0.5] * 784)
        status, headers, reply = server.request("POST", "/v2/models/mnist/infer", body, {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(text))})
        assert status == 200, reply
        length = int(headers["inference-header-content-length"])
        values = struct.unpack("<10f", reply[length:])
        as_json = server.json("POST", "/v2/models/mnist/infer", oip_request("eager"))
        assert json.loads(reply[:length])["parameters"]["digest"] == as_json["parameters"]["digest"]
        for value, text in zip(values, as_json["outputs"][0]["data"]):
            assert struct.pack("<f", text) == struct.pack("<f", value)


# ---- Pictures ----


def test_corrupt_pngs_are_refused():
    good = sample("3-pen")
    start = good.index(b"IDAT")
    cases = {"empty": b"", "text": b"hello", "signature": good[:8], "header": good[:33],
             "half": good[:len(good) // 2], "end": good[:-8],
             "header crc": good[:29] + b"\0\0\0\0" + good[33:],
             "data": good[:start + 20] + b"\xff" * 20 + good[start + 40:],
             "not deflate": png(28, 28, b"")[:41] + b"junk" * 10,
             "too few rows": png(28, 28, b"\0" * 29),
             "width 0": png(0, 5), "width 4097": png(4097, 1), "height 4097": png(1, 4097),
             "bomb": png(100000, 100000, b"\0" * 1000), "largest": png(2**31 - 1, 2**31 - 1, b"\0"),
             "depth 3": png(28, 28, depth=3), "colour 5": png(28, 28, colour=5),
             "palette missing": png(28, 28, colour=3),
             "gif": b"GIF89a" + b"\0" * 100, "jpeg": b"\xff\xd8\xff\xe0" + b"\0" * 100}
    with unharmed("--no-aot") as server:
        for name, data in cases.items():
            status, _, text = server.request("POST", "/api/draw", data,
                                             {"Content-Type": "image/png"})
            assert status == 400, (name, status, text)
            assert "detail" in json.loads(text), name
            status = server.request("POST", "/infer", json.dumps(
                {"image_bytes": base64.b64encode(data).decode()}))[0]
            assert status == 400, (name, status)
        for width, height in ((1, 1), (4096, 1), (1, 4096), (4096, 4096)):  # blank ones
            reply = server.json("POST", "/api/draw", png(width, height), 422,
                                {"Content-Type": "image/png"})
            assert reply["reason"] == "blank", (width, height)


def test_random_bodies_change_nothing():
    generator = random.Random(1)
    bodies = [demo_body(), sample("1-pen"), json.dumps(oip_request()).encode()]
    paths = ["/infer", "/api/draw", "/v2/models/mnist/infer", "/api/activations"]
    with unharmed("--no-aot") as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for i in range(10000 // SLOW):
            body = bytearray(generator.choice(bodies))
            for _ in range(generator.randrange(1, 10)):
                body[generator.randrange(len(body))] = generator.randrange(256)
            if i % 3 == 0:
                body = generator.randbytes(generator.randrange(200))
            kind = generator.choice(["application/json", "image/png", "application/octet-stream"])
            client.request("POST", paths[i % 4], bytes(body), {"Content-Type": kind})
            reply = client.getresponse()
            reply.read()
            assert reply.status in (200, 400, 415, 422), reply.status
        client.close()


# ---- Limits ----


def test_large_bodies_are_413():
    with unharmed("--no-aot", "--max-body", "100000") as server:
        assert server.request("POST", "/infer", b"x" * 100000)[0] == 422
        assert server.request("POST", "/infer", b"x" * 100001)[0] == 413
        assert server.json("POST", "/v2/models/mnist/infer", "x" * 500000, 413)["error"]
        chunked = b"POST /infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunked += b"30d40\r\n" + b"x" * 200000 + b"\r\n0\r\n\r\n"
        assert server.raw(chunked + b"GET /v2 HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
        huge = b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        assert server.raw(huge).startswith(b"HTTP/1.1 413 ")
        asks = (b"POST /infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                b"Content-Length: 200000\r\n\r\n")
        assert server.raw(asks).startswith(b"HTTP/1.1 413 ")
        endless = b"POST /infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        endless += b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with server.connect() as client:
            try:
                for _ in range(100):
                    client.sendall(endless)
                    endless = endless[-65545:]
                assert not receive(client).startswith(b"HTTP/1.1 200")
            except OSError:
                pass  # cut off


def test_large_headers_are_refused():
    with unharmed("--no-aot") as server:
        status = lambda text: int((server.raw(text, timeout=20) or b"HTTP/1.1 000").split()[1])
        for headers in (b"A: " + b"a" * 100000 + b"\r\n", b"A: b\r\n" * 20000):
            assert status(b"GET / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n") in (413, 431)
        assert status(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n") in (414, 431)
        assert status(b"GET / HTTP/1.1\r\n\r\n") == 400  # no Host
        assert status(b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n") in (0, 400)
        assert status(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n") in (0, 400)


def test_deep_json_is_refused():
    with unharmed("--no-aot") as server:
        deep = b'{"a":' * 200000
        assert server.request("POST", "/infer", deep)[0] == 422
        assert server.request("POST", "/v2/models/mnist/infer", b"[" * 1000000)[0] == 400


def test_slow_clients_are_cut():
    with unharmed("--no-aot", "--timeout", "1") as server:
        clients = {"nothing": b"", "headers": b"GET / HTTP/1.1\r\nHo",
                   "body": b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"}
        sockets = {name: server.connect() for name in clients}
        for name, client in sockets.items():
            client.sendall(clients[name])
        began, replies = time.monotonic(), {}
        drips = {name: client for name, client in sockets.items() if name != "nothing"}
        while drips and time.monotonic() - began < 60:  # a byte now and then
            for name, client in list(drips.items()):
                try:
                    client.sendall(b"a")
                    client.settimeout(0.05)
                    replies[name] = client.recv(1000)
                    del drips[name]
                except socket.timeout:
                    pass
                except OSError:
                    replies[name] = b""
                    del drips[name]
        assert not drips, "they were not cut"
        sockets["nothing"].settimeout(10)
        replies["nothing"] = receive(sockets["nothing"])
        for name, reply in replies.items():
            assert reply.startswith(b"HTTP/1.1 408 "), (name, reply)
        for client in sockets.values():
            client.close()
        assert server.metric("eigentensor_slow_clients_total") >= 3


def test_slow_readers_are_cut():
    with unharmed("--no-aot", "--timeout", "1") as server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.port))
            client.settimeout(2)
            try:
                for _ in range(2000):  # asks a lot, reads nothing
                    client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            except OSError:
                pass
            time.sleep(5)
            assert server.json("GET", "/healthz")["status"] == "ok"


def test_too_many_connections_are_told():
    with Server("--no-aot", "--max-connections", "4", "--timeout", "5") as server:
        held = [server.connect() for _ in range(4)]
        for client in held:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in client.recv(4096)
        status, headers, text = server.request("POST", "/infer", demo_body())
        assert status == 503 and headers["retry-after"] == "1", (status, text)
        for client in held:
            client.close()
        time.sleep(0.5)
        assert server.json("POST", "/infer", demo_body())["data"] == 3


def test_bodies_together_are_bounded():
    with unharmed("--no-aot", "--max-body", "100000") as server:
        start = post("/infer", b"x" * 100000, more="Connection: close\r\n")[:-1]
        clients = [server.connect() for _ in range(20)]  # 2 MB wait; 0.8 MB may
        for client in clients:
            client.sendall(start)
        time.sleep(0.5)
        replies = []
        for client in reversed(clients):
            client.sendall(b"x")
            replies.append(receive(client)[:13])
            client.close()
        assert set(replies) == {b"HTTP/1.1 422 ", b"HTTP/1.1 503 "}, replies
        assert server.json("POST", "/infer", demo_body())["data"] == 3


def test_idle_connections_beyond_the_limit_are_cut():
    with unharmed("--no-aot", "--max-connections", "2", "--timeout", "1") as server:
        held = [server.connect() for _ in range(80)]  # more than it takes, even to be told so
        began = time.monotonic()
        while True:
            try:
                assert server.json("POST", "/infer", demo_body())["data"] == 3
                break
            except (AssertionError, OSError, http.client.HTTPException):
                assert time.monotonic() - began < 60, "there is no way in any more"
                time.sleep(0.2)
        for client in held:
            client.close()


def test_five_hundred_connections_at_once():
    with unharmed("--no-aot", "--max-connections", "600", "--timeout", "30") as server:
        for _ in range(4):  # what the allocator keeps of one round, the next one uses
            clients = [server.connect() for _ in range(500)]
            for client in clients:
                client.sendall(post("/infer", demo_body(), more="Connection: close\r\n"))
            for client in clients:
                reply = receive(client)
                assert reply.startswith(b"HTTP/1.1 200 "), reply[:100]
                assert reply.endswith(b'"data":3}'), reply[:100]
                client.close()


def test_pipelining_and_half_closed_sockets():
    with unharmed("--no-aot", "--timeout", "3") as server:
        last = post("/infer", demo_body("7-pen"), more="Connection: close\r\n")
        reply = server.raw(post("/infer", demo_body()) * 49 + last)
        assert reply.count(b"HTTP/1.1 200 OK") == 50
        assert reply.count(b'"data":3}') == 49 and reply.endswith(b'"data":7}')
        reply = server.raw(last, half_close=True)
        assert reply.endswith(b'"data":7}'), reply
        for cut in (5, 60, len(last) - 10):  # and closed in the middle
            reply = server.raw(last[:cut], half_close=True, timeout=15 * SLOW)
            assert b" 200 " not in reply
            with server.connect() as client:
                client.sendall(last[:cut])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# ---- The process ----


def test_options_are_checked():
    run = lambda *options, **env: subprocess.run(
        [os.environ["SERVER"], *options], text=True, timeout=60, capture_output=True,
        env={**os.environ, **env})
    assert run("--help").returncode == 0 and "--max-body" in run("--help").stdout
    assert run("--version").stdout.startswith("eigentensor-server ")
    assert run("--port", "70000").returncode == 2
    assert run("--nonsense").returncode == 2
    wrong = run("--quiet", EIGENTENSOR_PORT="x")
    assert wrong.returncode == 1 and "EIGENTENSOR_PORT" in wrong.stderr, wrong
    missing = run("/nowhere/graph.json")
    assert missing.returncode == 1 and "/nowhere/graph.json" in missing.stderr
    with Server("--no-aot") as server:
        taken = run("--port", str(server.port))
        assert taken.returncode == 1 and "in use" in taken.stderr, taken
    with Server(env={"EIGENTENSOR_AOT": "0", "EIGENTENSOR_MAX_BODY": "2000"}) as server:
        assert server.json("GET", "/api/model")["modes"]["aot"]["state"] == "absent"
        assert server.request("POST", "/infer", b"x" * 3000)[0] == 413


def test_log_has_a_line_a_request():
    with tempfile.TemporaryFile() as log:
        with Server("--no-aot", quiet=False, log=log) as server:
            server.json("POST", "/infer", demo_body())
            server.request("GET", "/no%22thing%01%ff?x=1")
            server.resources()
        log.seek(0)
        lines = [json.loads(line) for line in log.read().splitlines()]
    infer = next(line for line in lines if line["path"] == "/infer")
    assert (infer["method"], infer["status"], infer["remote"]) == ("POST", 200, "127.0.0.1")
    assert (infer["model"], infer["mode"], infer["bytes_in"]) == ("mnist", "jit", len(demo_body()))
    assert any(line["path"].startswith('/no"thing\x01') and line["status"] == 404 for line in lines)


def test_nobody_reads_the_log():
    reader, writer = os.pipe()
    with Server("--no-aot", quiet=False, log=writer) as server:
        os.close(writer)
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for _ in range(4000):
            client.request("GET", "/healthz")
            client.getresponse().read()
        client.close()
        assert server.metric("eigentensor_log_dropped_total") > 0
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
    os.close(reader)


def load(server, stop, results):
    """Asks until told to stop; every reply must be whole."""
    while not stop.is_set():
        try:
            client = server.connect()
        except OSError:
            return  # it does not listen any more
        with client:
            try:
                for _ in range(50):
                    client.sendall(post("/infer", demo_body()))
                    reply = client.recv(65536)
                    if not reply:
                        results.append("closed")
                        break
                    whole = reply.startswith(b"HTTP/1.1 200 ") and reply.endswith(b'"data":3}')
                    stopping = reply.startswith(b"HTTP/1.1 503 ") and b"is stopping" in reply
                    results.append("whole" if whole else "stopping" if stopping else reply)
                    if stopping:
                        return
            except OSError:
                results.append("closed")


def test_sigterm_under_load_loses_no_reply():
    for _ in range(3):
        stop, results = threading.Event(), []
        with Server("--no-aot") as server:
            threads = [threading.Thread(target=load, args=(server, stop, results))
                       for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
            stop.set()
            for thread in threads:
                thread.join()
        assert results.count("whole") > 10
        expected = {"whole", "closed", "stopping"}
        assert set(results) <= expected, [x for x in results if x not in expected][:3]


def test_stopping_waits_calmly():
    with Server("--no-aot", "--timeout", "3") as server:
        spent = lambda: sum(os.times()[2:4])  # by children that were waited for
        before = spent()
        with server.connect() as slow:
            slow.sendall(post("/infer", demo_body())[:-1])
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(2)
            assert server.process.poll() is None  # it waits for the last byte
            slow.sendall(b"}")
            reply = receive(slow)
            assert reply.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in reply, reply
        assert server.process.wait(20) == 0
        assert spent() - before < 1 * SLOW, f"{spent() - before} s of CPU time while it waited"


def is_running(process):
    """A process that has ended and that nobody has waited for runs no more."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_stopping_ends_the_compiler():
    """One that would take an hour, with a child of its own, is ended and leaves nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder, compiler = Path(name), Path(name, "bin/gcc")
        compiler.parent.mkdir()
        (folder / "temporary").mkdir()
        compiler.write_text("#!/bin/sh\n[ $1 != --version ] || exec echo gcc\n"
                            f"sleep 3600 &\necho $! > {name}/c && mv {name}/c {name}/child\nwait\n")
        compiler.chmod(0o755)
        own = {"PATH": f"{compiler.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": name,
               "TMPDIR": str(folder / "temporary")}
        with Server(env=own) as server:
            assert comes((folder / "child").exists, looks=1200)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0
        child = int((folder / "child").read_text())
        assert comes(lambda: not is_running(child), looks=1200)
        assert not list((folder / "temporary").iterdir())


def test_memory_is_flat():
    with Server("--no-aot") as server:
        def ask(count):
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            for i in range(count):
                body, path = ((demo_body(), "/infer"), (b"{", "/infer"),
                              (json.dumps(oip_request()), "/v2/models/mnist/infer"))[i % 3]
                client.request("POST", path, body)
                client.getresponse().read()
            client.close()
        ask(1000)
        before, files = server.resident(), server.resources()
        ask(3000 // SLOW)
        if not SANITIZED:
            assert server.resident() - before < 2e6, server.resident() - before
        assert server.resources() == files


# ---- AOT ----


def test_aot_is_swapped_in_and_kept():
    with tempfile.TemporaryDirectory() as cache:
        with Server(env={"XDG_CACHE_HOME": cache}) as server:
            modes, digests = set(), set()
            began = time.monotonic()
            while time.monotonic() - began < 120:
                reply = server.json("POST", "/v2/models/mnist/infer", oip_request())["parameters"]
                modes.add(reply["mode"])
                digests.add(reply["digest"])
                if reply["mode"] == "aot":
                    break
            assert modes <= {"jit", "aot"} and "aot" in modes and len(digests) == 1, modes
            assert server.wait_for_aot()["from_cache"] is False
            drawing = server.json("POST", "/api/draw", sample("3-canvas"), 200,
                                  {"Content-Type": "image/png"})
            found = {mode["digest"] for mode in drawing["modes"].values()}
            assert drawing["agree"] and len(drawing["modes"]) == 3 and len(found) == 1
            kernels = server.json("GET", "/api/kernels")
            while kernels["kernels"][0]["microseconds"] is None and time.monotonic() - began < 240:
                time.sleep(0.2)
                kernels = server.json("GET", "/api/kernels")
            assert kernels["mode"] == "aot"
            assert all(kernel["microseconds"] > 0 for kernel in kernels["kernels"])
        with Server(env={"XDG_CACHE_HOME": cache}) as server:
            assert server.wait_for_aot()["from_cache"] is True
            assert server.json("POST", "/infer", demo_body())["data"] == 3


def test_no_compiler_no_cache_no_matter():
    with Server(env={"PATH": "/nowhere"}) as server:
        assert "gcc" in server.wait_for_aot("failed").get("message", "gcc")
        drawing = server.json("POST", "/api/draw", sample("3-pen"),
                              headers={"Content-Type": "image/png"})
        assert drawing["modes"]["aot"]["state"] == "failed" and drawing["agree"]
        assert "gcc" in drawing["modes"]["aot"]["message"]
    with Server(env={"XDG_CACHE_HOME": "/proc/self"}) as server:  # not to be written
        assert server.wait_for_aot()["from_cache"] is False
        assert server.json("POST", "/infer", demo_body())["data"] == 3


def test_full_disk():
    with tempfile.TemporaryDirectory() as cache:
        script = 'mount -t tmpfs -o size=16k none "$0" && exec "$@"'
        wrap = ["unshare", "-m", "sh", "-c", script, cache]
        try:
            allowed = subprocess.run([*wrap, "true"], capture_output=True).returncode == 0
        except FileNotFoundError:
            allowed = False
        if not allowed:
            return "a file system of its own is not allowed here"
        with Server(env={"XDG_CACHE_HOME": cache}, wrap=wrap) as server:
            assert server.wait_for_aot()["from_cache"] is False  # built elsewhere
            assert server.json("POST", "/infer", demo_body())["data"] == 3
        with Server(env={"XDG_CACHE_HOME": cache, "TMPDIR": cache}, wrap=wrap) as server:
            server.wait_for_aot("failed")
            assert server.json("POST", "/infer", demo_body())["data"] == 3


def test_a_graph_file_replaced_while_running():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mnist.json", "mnist.safetensors"):
            shutil.copyfile(f"{ROOT}/models/mnist/{name}", f"{folder}/{name}")
        with Server(f"{folder}/mnist.json", "--no-aot") as server:
            before = server.json("POST", "/v2/models/mnist/infer", oip_request())["outputs"]
            with open(f"{folder}/mnist.json", "w") as file:
                file.write("{}")
            with open(f"{folder}/mnist.safetensors", "r+b") as file:
                file.truncate(100)
            os.unlink(f"{folder}/mnist.json")
            for request in (oip_request(), oip_request("eager")):
                found = server.json("POST", "/v2/models/mnist/infer", request)
                assert found["outputs"] == before


def test_any_graph_is_served():
    square = {"dtype": "int32", "shape": [2, 2]}
    graph = {"format": "eigentensor", "version": 2, "name": "sum of two",
             "inputs": [{"name": "a", **square}, {"name": "b", **square}],
             "nodes": [{"id": 0, "op": "input", "src": [], "name": "a", **square},
                       {"id": 1, "op": "input", "src": [], "name": "b", **square},
                       {"id": 2, "op": "add", "src": [0, 1], **square},
                       {"id": 3, "op": "lt", "src": [0, 1], "dtype": "bool", "shape": [2, 2]}],
             "outputs": [{"name": "sum", "node": 2}, {"name": "less", "node": 3}]}
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/sum.json", "w") as file:
            json.dump(graph, file)
        with Server(f"{folder}/sum.json", f"{ROOT}/models/mnist/mnist.json", "--no-aot") as server:
            tensor = lambda name, data: {"name": name, "datatype": "INT32", "shape": [2, 2],
                                         "data": data}
            request = {"id": "x", "inputs": [tensor("b", [[10, 20], [30, -40]]),
                                             tensor("a", [1, 2, 3, 4])]}
            reply = server.json("POST", "/v2/models/sum%20of%20two/infer", request)
            assert reply["id"] == "x" and reply["model_name"] == "sum of two"
            assert reply["outputs"][0]["data"] == [11, 22, 33, -36]
            assert reply["outputs"][1]["data"] == [True, True, True, False]
            assert reply["outputs"][1]["datatype"] == "BOOL"
            request["outputs"] = [{"name": "less"}]
            reply = server.json("POST", "/v2/models/sum%20of%20two/infer", request)
            assert [output["name"] for output in reply["outputs"]] == ["less"]
            assert server.json("POST", "/infer", demo_body())["data"] == 3  # by the one that can
            assert server.json("GET", "/api/model")["models"] == ["sum of two", "mnist"]
            assert server.json("GET", "/api/model?model=mnist")["takes_pictures"] is True
            server.json("POST", "/api/draw?model=sum%20of%20two", sample("3-pen"), 422,
                        {"Content-Type": "image/png"})
            request["inputs"][0]["data"] = [2**31, 0, 0, 0]
            said = server.json("POST", "/v2/models/sum%20of%20two/infer", request, 400)["error"]
            assert 'input "b"' in said and "int32" in said, said


if __name__ == "__main__":
    run_tests(globals())
