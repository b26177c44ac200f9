"""What the protocols ask of the server: RFC 9112 of its bytes, Triton's clients of its routes.

SERVER names the program. Each test_ function is a test; arguments choose some by name."""
import copy
import gzip
import shutil

from server_client import *
import server_schema

# ---- HTTP ----

POST = b"POST /infer HTTP/1.1\r\nHost: x\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def get(line, *headers):
    return b"\r\n".join([line, *headers, b"", b""])


# Each must get this status, once, and the end of its connection.
REFUSED = {
    "two ways to say the length":
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "the same, turned around":
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "of a GET":
        (get(b"GET /healthz HTTP/1.1", b"Host: x", b"Content-Length: 5",
             b"Transfer-Encoding: chunked"), 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}", 400),
    "the same length twice": (POST + b"Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}", 400),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a sign": (POST + b"Content-Length: +2\r\n\r\n{}", 400),
    "a negative length": (POST + b"Content-Length: -2\r\n\r\n{}", 400),
    "a hexadecimal length": (POST + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "a length of two words": (POST + b"Content-Length: 2 2\r\n\r\n{}", 400),
    "an empty length": (POST + b"Content-Length:\r\n\r\n{}", 400),
    "a length beyond 64 bits": (POST + b"Content-Length: 18446744073709551618\r\n\r\n{}", 413),
    "white space before the colon": (POST + b"Content-Length : 2\r\n\r\n{}", 400),
    "an unknown coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n{}", 501),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n{}", 501),
    "almost chunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n{}", 501),
    "an unknown coding below chunked":
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked is not the last": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in two headers":
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "no coding": (POST + b"Transfer-Encoding:\r\n\r\n{}", 400),
    "a coding in HTTP/1.0":
        (b"POST /infer HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a folded coding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk's size that is none": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400),
    "a negative chunk": (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk that is longer than it says": (CHUNKED + b"2\r\n{}xx0\r\n\r\n", 400),
    "a chunk beyond 64 bits": (CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n", 400),
    "chunks between bare line feeds": (CHUNKED + b"2\n{}\n0\n\n", 400),
    "two hosts": (get(b"GET /healthz HTTP/1.1", b"Host: x", b"Host: x"), 400),
    "no host": (get(b"GET /healthz HTTP/1.1"), 400),
    "a list of hosts": (get(b"GET /healthz HTTP/1.1", b"Host: x, y"), 400),
    "%00 in the path": (get(b"GET /healthz%00x HTTP/1.1", b"Host: x"), 400),
    "%00 in the query": (get(b"GET /api/model?model=mnist%00x HTTP/1.1", b"Host: x"), 400),
    "a broken escape": (get(b"GET /healthz%4 HTTP/1.1", b"Host: x"), 400),
    "a zero byte in the path": (get(b"GET /healthz\0 HTTP/1.1", b"Host: x"), 400),
    "a zero byte in a header": (get(b"GET /healthz HTTP/1.1", b"Host: x", b"A: b\0c"), 400),
    "a carriage return in a header": (get(b"GET /healthz HTTP/1.1", b"Host: x", b"A: b\rc"), 400),
    "bare line feeds": (b"GET /healthz HTTP/1.1\nHost: x\n\n", 400),
    "a folded header": (get(b"GET /healthz HTTP/1.1", b"Host: x", b"A: b", b" c"), 400),
    "a header without a name": (get(b"GET /healthz HTTP/1.1", b"Host: x", b": b"), 400),
    "a header without a colon": (get(b"GET /healthz HTTP/1.1", b"Host: x", b"A"), 400),
    "two spaces": (get(b"GET  /healthz HTTP/1.1", b"Host: x"), 400),
    "a space in the target": (get(b"GET /health z HTTP/1.1", b"Host: x"), 400),
    "no version": (get(b"GET /healthz", b"Host: x"), 400),
    "another protocol": (get(b"GET /healthz HTTX/1.1", b"Host: x"), 400),
    "another major version": (get(b"GET /healthz HTTP/2.0", b"Host: x"), 505),
    "a target that is no path": (get(b"GET healthz HTTP/1.1", b"Host: x"), 400),
    "a target of another scheme": (get(b"GET ftp://x/healthz HTTP/1.1", b"Host: x"), 400),
    "a tunnel": (get(b"CONNECT x:80 HTTP/1.1", b"Host: x"), 400),
    "an expectation": (POST + b"Expect: miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
    "a long request line": (get(b"GET /" + b"a" * 40000 + b" HTTP/1.1", b"Host: x"), 414),
    "long headers": (get(b"GET /healthz HTTP/1.1", b"Host: x", b"A: " + b"a" * 40000), 431),
    "many headers": (get(b"GET /healthz HTTP/1.1", b"Host: x", *[b"A: b"] * 200), 431),
}


def statuses(reply):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", reply)]


def test_ambiguous_requests_end_their_connection():
    with unharmed("--no-aot") as server:
        for name, (request, status) in REFUSED.items():
            with server.connect(10) as client:
                client.sendall(request + NEXT)  # what follows must not be taken for a request
                reply = receive(client)
                assert statuses(reply) == [status], (name, reply[:200])
                head, _, body = reply.partition(b"\r\n\r\n")
                assert b"Connection: close" in head, name
                length = int(re.search(rb"Content-Length: (\d+)", head)[1])
                assert length == len(body) and json.loads(body)["detail"], (name, reply)


ALLOWED = {
    "an absolute target": (get(b"GET http://x/healthz HTTP/1.1", b"Host: x"), 200),
    "one in capitals, with a port and no path": (get(b"GET HTTP://X:80 HTTP/1.1", b"Host: x"), 200),
    "one with a query and no path": (get(b"GET http://x?y HTTP/1.1", b"Host: x"), 200),
    "one with both":
        (get(b"GET http://[::1]:8989/api/model?model=mnist HTTP/1.1", b"Host: x"), 200),
    "encoded letters": (get(b"GET /%68ealthz HTTP/1.1", b"Host: x"), 200),
    "white space around a length": (POST + b"Content-Length:\t 2 \r\n\r\n{}", 422),
    "chunks with extensions and trailers":
        (CHUNKED + b'1;a="b"\r\n{\r\n01\r\n}\r\n00\r\nContent-Length: 5\r\n\r\n', 422),
    "chunked in capitals": (POST + b"Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422),
    "a body of a GET":
        (get(b"GET /healthz HTTP/1.1", b"Host: x", b"Content-Length: 4") + b"abcd", 200),
    "empty lines before it": (b"\r\n\r\n" + NEXT, 200),
    "a later minor version": (get(b"GET /healthz HTTP/1.9", b"Host: x"), 200),
    "the server as a whole": (get(b"OPTIONS * HTTP/1.1", b"Host: x"), 204),
    "an empty host": (get(b"GET /healthz HTTP/1.1", b"Host:"), 200),
}


def test_one_reply_to_one_request():
    last = get(b"GET /healthz HTTP/1.1", b"Host: x", b"Connection: close")
    with unharmed("--no-aot") as server:
        for name, (request, status) in ALLOWED.items():
            assert statuses(server.raw(request + last)) == [status, 200], name
        # A byte at a time, all in one connection.
        with server.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"".join(request for request, _ in ALLOWED.values()) + last:
                client.sendall(bytes([byte]))
            expected = [status for _, status in ALLOWED.values()] + [200]
            assert statuses(receive(client)) == expected


def test_http_1_0_keeps_open_when_asked():
    with Server("--no-aot") as server:
        assert statuses(server.raw(b"GET /healthz HTTP/1.0\r\n\r\n" * 2)) == [200]
        keep = b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        assert statuses(server.raw(keep + b"GET /healthz HTTP/1.0\r\n\r\n")) == [200, 200]


def test_continue_is_said_when_it_is_awaited():
    body = demo_body()
    with Server("--no-aot") as server, server.connect() as client:
        request = post("/infer", body, more="Expect: 100-continue\r\nConnection: close\r\n")
        client.sendall(request[:-len(body)])
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert receive(client).endswith(b'"data":3}')


# ---- Triton's clients ----


def quotient_file(folder, name):
    """y = a / b of four float32 each; z = a."""
    kind = {"dtype": "float32", "shape": [4]}
    return graph_file(folder, name,
                      [{"id": 0, "op": "input", "src": [], "name": "a", **kind},
                       {"id": 1, "op": "input", "src": [], "name": "b", **kind},
                       {"id": 2, "op": "div", "src": [0, 1], **kind}],
                      [{"name": "a", **kind}, {"name": "b", **kind}],
                      [{"name": "y", "node": 2}])


def tensor(name, data):
    return {"name": name, "datatype": "FP32", "shape": [4], "data": data}


def test_index_configuration_and_statistics():
    with Server("--no-aot") as server:
        ready = [{"name": name, "version": "1", "state": "READY", "reason": ""}
                 for name in ("mnist", "mnist-int8")]
        for body in (None, {}, {"ready": True}):
            assert server.json("POST", "/v2/repository/index", body) == ready
        for path in ("/v2/models/mnist/config", "/v2/models/mnist/versions/1/config"):
            config = server.json("GET", path)
            assert config["input"] == [{"name": "input_image", "data_type": "TYPE_FP32",
                                        "format": "FORMAT_NONE", "dims": [1, 1, 28, 28]}]
            assert config["output"][0]["dims"] == [1, 10] and config["max_batch_size"] == 0
        for _ in range(3):
            server.json("POST", "/v2/models/mnist/infer", oip_request())
        server.json("POST", "/v2/models/mnist/infer", {}, 400)
        for path in ("/v2/models/stats", "/v2/models/mnist/stats",
                     "/v2/models/mnist/versions/1/stats"):
            stats = server.json("GET", path)["model_stats"][0]
            assert stats["name"] == "mnist" and stats["inference_count"] == 3
            assert abs(stats["last_inference"] / 1000 - time.time()) < 60
            parts = stats["inference_stats"]
            assert parts["success"]["count"] == parts["compute_infer"]["count"] == 3
            assert parts["fail"]["count"] == 1 and parts["compute_infer"]["ns"] > 1000
        for part in ("config", "stats"):
            server.json("GET", f"/v2/models/none/{part}", status=404)
            server.json("GET", f"/v2/models/mnist/versions/2/{part}", status=404)


def test_batches_in_the_configuration_and_the_statistics():
    batched = {"dtype": "float32", "shape": ["N", 4]}
    with tempfile.TemporaryDirectory() as folder:
        path = graph_file(folder, "negative",
                          [{"id": 0, "op": "input", "src": [], "name": "x", **batched},
                           {"id": 1, "op": "neg", "src": [0], **batched}],
                          [{"name": "x", **batched}], [{"name": "y", "node": 1}])
        with Server(path, "--no-aot", "--max-batch", "50") as server:
            config = server.json("GET", "/v2/models/negative/config")
            assert config["max_batch_size"] == 50 and config["input"][0]["dims"] == [4]
            inputs = [{"name": "x", "datatype": "FP32", "shape": [7, 4], "data": list(range(28))}]
            reply = server.json("POST", "/v2/models/negative/infer", {"inputs": inputs})
            assert reply["outputs"][0]["data"] == [-x for x in range(28)]
            [stats] = server.json("GET", "/v2/models/stats")["model_stats"]
            assert (stats["inference_count"], stats["execution_count"]) == (7, 1)


def test_a_model_with_a_slash():
    with tempfile.TemporaryDirectory() as folder:
        with Server(quotient_file(folder, "org/quotient"), "--no-aot") as server:
            path = "/v2/models/org%2Fquotient"
            assert server.json("GET", path)["name"] == "org/quotient"
            assert server.json("GET", path + "/versions/1/ready")["ready"]
            request = {"inputs": [tensor("a", [1, 2, 3, 4]), tensor("b", [2, 2, 2, 2])]}
            reply = server.json("POST", path + "/infer", request)
            assert reply["outputs"][0]["data"] == [0.5, 1, 1.5, 2]
            server.json("GET", "/v2/models/org/quotient", status=404)
            assert server.json("GET", "/api/model?model=org%2Fquotient")["name"] == "org/quotient"


def test_onnx_models_at_the_sizes_given():
    """Each model takes those axes that it has."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in ("open_axes", "conv"):
            paths.append(f"{folder}/{name}.onnx")
            shutil.copy(f"tests/fuzz/corpus/onnx/{name}", paths[-1])
        with Server(*paths, "--no-aot", "--axis", "width=4") as server:
            assert server.json("GET", "/v2/models/conv")["inputs"][0]["shape"] == [1, 2, 6, 6]
            assert server.json("GET", "/v2/models/open_axes")["inputs"][0]["shape"] == [-1, 3, 4]
            inputs = [{"name": "x", "datatype": "FP32", "shape": [1, 3, 4],
                       "data": list(range(12))}]
            reply = server.json("POST", "/v2/models/open_axes/infer", {"inputs": inputs})
            assert reply["outputs"][0]["shape"] == [3, 4]
            assert reply["outputs"][0]["data"] == list(range(12))


def counting(name, *shape):
    count = 1
    for extent in shape:
        count *= extent
    return {"name": name, "datatype": "FP32", "shape": list(shape), "data": list(range(count))}


def test_onnx_models_at_the_sizes_of_requests():
    """What is not named stays open; what is has the sizes that it is said to have."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/open_axes.onnx"
        shutil.copy("tests/fuzz/corpus/onnx/open_axes", path)
        infer = "/v2/models/open_axes/infer"
        with Server(path, "--no-aot", "--axis", "width=2..9", "--max-sizes", "2") as server:
            model = server.json("GET", "/v2/models/open_axes")
            assert model["inputs"][0]["shape"] == [-1, 3, -1]
            assert model["parameters"]["axes"]["width"] == "2..9"
            for n, width in ((1, 2), (2, 9), (3, 3), (2, 9), (1, 2)):
                reply = server.json("POST", infer, {"inputs": [counting("x", n, 3, width)]})
                assert reply["outputs"][0]["shape"] == [3, n * width]
            request = {"inputs": [counting("x", 1, 3, 10)]}
            reply = server.json("POST", infer, request, status=400)
            assert reply["error"] == 'axis "width": input "x" has size 10, expected 2..9'
            metrics = server.request("GET", "/metrics")[2].decode()
            assert 'eigentensor_sizes_ready{model="open_axes"} 2' in metrics
        with Server(path, "--no-aot", "--axis", "width=4", "--axis", "x.0=2") as server:
            model = server.json("GET", "/v2/models/open_axes")
            assert model["inputs"][0]["shape"] == [2, 3, 4] and model["parameters"]["digest"]
        stored = f"{folder}/stored.json"
        tool = os.path.join(os.path.dirname(os.environ["SERVER"]), "eigentensor")
        subprocess.run([tool, "import", path, "--axis=x.0=1..4", "--axis=width=2..9", "-o", stored],
                       check=True, stdout=subprocess.DEVNULL)
        with Server(stored, "--no-aot", "--axis", "width=2..5") as server:
            assert server.json("GET", "/v2/models/open_axes")["outputs"][0]["shape"] == [3, -1]
            reply = server.json("POST", infer, {"inputs": [counting("x", 4, 3, 5)]})
            assert reply["outputs"][0]["data"] == list(range(60))
            for shape, why in (((5, 3, 5), 'has size 5, expected 1..4'),
                               ((4, 3, 6), 'has size 6, expected 2..5')):
                reply = server.json("POST", infer, {"inputs": [counting("x", *shape)]}, status=400)
                assert why in reply["error"], reply
        with Server(path, "--no-aot", "--axis", "N=N") as server:  # one text for each N
            for n, width in ((1, 4), (7, 4), (2, 5)):
                reply = server.json("POST", infer, {"inputs": [counting("x", n, 1, 3, width)]})
                assert reply["outputs"][0]["shape"] == [n, 3, width]
            metrics = server.request("GET", "/metrics")[2].decode()
            assert 'eigentensor_sizes_made_total{model="open_axes"} 2' in metrics
        with Server(path, "--axis", "width=4,5", "--axis", "x.0=1") as server:
            for width in (4, 5):  # both are built by gcc, too
                request = {"inputs": [counting("x", 1, 3, width)]}
                for _ in range(300):
                    if server.json("POST", infer, request)["parameters"]["mode"] == "aot":
                        break
                    time.sleep(0.1)
                else:
                    raise AssertionError(f"width {width} never ran by aot")


def check_integers(server, kind, code, data, expected):
    """x + 1, as JSON and as bytes."""
    tensor = {"name": "x", "datatype": kind, "shape": [3]}
    path = f"/v2/models/{kind.lower()}/infer"
    metadata = server.json("GET", f"/v2/models/{kind.lower()}")
    assert metadata["inputs"] == [tensor] and metadata["outputs"][0]["datatype"] == kind
    config = server.json("GET", f"/v2/models/{kind.lower()}/config")
    assert config["input"][0]["data_type"] == "TYPE_" + kind
    reply = server.json("POST", path, {"inputs": [{**tensor, "data": data}]})
    assert reply["outputs"] == [{**tensor, "name": "y", "data": expected}], reply
    bits = struct.pack(f"<3{code}", *map(int, data))
    text = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(bits)}}],
                       "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}).encode()
    status, headers, body = server.request("POST", path, text + bits, {
        "Inference-Header-Content-Length": str(len(text))})
    assert status == 200, body
    after = body[int(headers["inference-header-content-length"]):]
    assert struct.unpack(f"<3{code}", after) == tuple(expected)


INTEGERS = {
    "INT16": ("h", [-32768, -1, 32767], [-32767, 0, -32768]),
    "UINT16": ("H", [0, 32767, 65535], [1, 32768, 0]),
    "UINT32": ("I", [0, 2**31 - 1, 2**32 - 1], [1, 2**31, 0]),
    "UINT64": ("Q", ["18446744073709551614", 2**63 - 1, str(2**64 - 1)], [2**64 - 1, 2**63, 0]),
}


def test_integers_of_all_widths():
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in INTEGERS:
            kind = {"dtype": name.lower(), "shape": [3]}
            paths.append(graph_file(folder, name.lower(),
                                    [{"id": 0, "op": "input", "src": [], "name": "x", **kind},
                                     {"id": 1, "op": "const", "src": [], "value": 1, **kind},
                                     {"id": 2, "op": "add", "src": [0, 1], **kind}],
                                    [{"name": "x", **kind}], [{"name": "y", "node": 2}]))
        with Server(*paths, "--no-aot") as server:
            for name, (code, data, expected) in INTEGERS.items():
                check_integers(server, name, code, data, expected)
            for name, value, said in (("UINT16", 65536, "65535"), ("INT16", -32769, "-32768"),
                                      ("UINT32", -1, "4294967295"),
                                      ("UINT64", -1, "18446744073709551615"),
                                      ("UINT64", str(2**64), "uint64"), ("UINT32", "7", "integer")):
                tensor = {"name": "x", "datatype": name, "shape": [3], "data": [value, 0, 0]}
                reply = server.json("POST", f"/v2/models/{name.lower()}/infer",
                                    {"inputs": [tensor]}, 400)
                assert said in reply["error"], reply


def test_compressed_bodies():
    with Server("--no-aot", "--max-body", "100000") as server:
        header = {"inputs": [{"name": "input_image", "datatype": "FP32", "shape": [1, 1, 28, 28],
                              "parameters": {"binary_data_size": 3136}}]}
        text = json.dumps(header).encode()
        body = text + struct.pack("<784f", *[0.5] * 784)
        as_json = server.json("POST", "/v2/models/mnist/infer", oip_request())
        for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
            reply = server.json("POST", "/v2/models/mnist/infer", pack(body), 200, {
                "Content-Encoding": coding, "Inference-Header-Content-Length": str(len(text))})
            assert reply["outputs"] == as_json["outputs"]
            reply = server.json("POST", "/infer", pack(demo_body()),
                                headers={"Content-Encoding": coding})
            assert reply["data"] == 3
            bomb = pack(b"0" * 100001)
            assert len(bomb) < 1000
            for path in ("/infer", "/v2/models/mnist/infer", "/api/draw"):
                server.json("POST", path, bomb, 413, {"Content-Encoding": coding})
            server.json("POST", "/v2/models/mnist/infer", b"no", 400, {"Content-Encoding": coding})
        server.json("POST", "/v2/models/mnist/infer", b"{}", 415, {"Content-Encoding": "br"})


def test_replies_name_what_is_not_finite():
    nan, infinity = float("nan"), float("inf")
    cases = [([1, 2, 3, 4], [1, 1, 1, 1], [], []), ([1, 0, 0, 1], [1, 1, 0, 1], [], ["y"]),
             ([1, 2, 3, 4], [0, 1, 1, 1], [], ["y"]),
             ([1, 2, 3, 4], [1, infinity, 1, 1], ["b"], []),
             ([nan, 2, 3, 4], [1, 1, infinity, 1], ["a", "b"], ["y"])]
    with tempfile.TemporaryDirectory() as folder:
        with Server(quotient_file(folder, "quotient"), "--no-aot") as server:
            for a, b, inputs, outputs in cases:
                header = {"inputs": [{"name": name, "datatype": "FP32", "shape": [4],
                                      "parameters": {"binary_data_size": 16}} for name in "ab"]}
                text = json.dumps(header).encode()
                for mode in ("eager", "jit"):
                    header["parameters"] = {"mode": mode}
                    text = json.dumps(header).encode()
                    reply = server.json("POST", "/v2/models/quotient/infer",
                                        text + struct.pack("<8f", *a, *b), 200,
                                        {"Inference-Header-Content-Length": str(len(text))})
                    said = reply["parameters"]
                    assert said.get("inputs_not_finite", []) == inputs, (a, b, said)
                    assert said.get("outputs_not_finite", []) == outputs, (a, b, said)
                    assert ("outputs_not_finite" in said) == bool(outputs)


# Requests that a schema can tell apart: what is changed in a good one, and whether that is allowed.
CHANGES = [
    (lambda r: None, True),
    (lambda r: r.update(id=None, parameters=None, outputs=None), True),
    (lambda r: r.update(id="x", model_name="mnist", anything=[1]), True),
    (lambda r: r.update(id=5), False),
    (lambda r: r.update(parameters=5), False),
    (lambda r: r.update(parameters={"mode": None, "binary_data_output": None, "priority": 1}),
     True),
    (lambda r: r.update(parameters={"mode": "fast"}), False),
    (lambda r: r.update(parameters={"mode": 1}), False),
    (lambda r: r.update(parameters={"binary_data_output": 1}), False),
    (lambda r: r.pop("inputs"), False),
    (lambda r: r.update(inputs=None), False),
    (lambda r: r.update(inputs={}), False),
    (lambda r: r["inputs"][0].update(parameters=None), True),
    (lambda r: r["inputs"][0].update(parameters={"binary_data_size": None}), True),
    (lambda r: r["inputs"][0].update(parameters={"binary_data_size": 3136}), False),
    (lambda r: r["inputs"][0].update(parameters=[]), False),
    (lambda r: r["inputs"][0].update(more=1), True),
    (lambda r: r["inputs"][0].pop("name"), False),
    (lambda r: r["inputs"][0].update(name=3), False),
    (lambda r: r["inputs"][0].pop("datatype"), False),
    (lambda r: r["inputs"][0].update(datatype="FP8"), False),
    (lambda r: r["inputs"][0].pop("shape"), False),
    (lambda r: r["inputs"][0].update(shape=[1, 1, 28, -28]), False),
    (lambda r: r["inputs"][0].update(shape=[1, 1, 28, "28"]), False),
    (lambda r: r["inputs"][0].pop("data"), False),
    (lambda r: r["inputs"][0].update(data=None), False),
    (lambda r: r["inputs"][0].update(data=0.5), False),
    (lambda r: r["inputs"][0].update(data=[{}] * 784), False),
    (lambda r: r["inputs"][0].update(data=[[0.5] * 28] * 28), True),
    (lambda r: r.update(outputs=[{"name": "logits"}]), True),
    (lambda r: r.update(outputs=[{"name": "logits", "parameters": None}]), True),
    (lambda r: r.update(outputs=[{"name": "logits", "parameters": {"binary_data": None}}]), True),
    (lambda r: r.update(outputs=[{"name": "logits", "parameters": {"binary_data": "yes"}}]), False),
    (lambda r: r.update(outputs=[{"name": "logits", "parameters": 5}]), False),
    (lambda r: r.update(outputs=[{}]), False),
    (lambda r: r.update(outputs=[5]), False),
    (lambda r: r.update(outputs={}), False),
]


def test_schemas_are_as_strict_as_the_server():
    with Server("--no-aot") as server:
        document = server.json("GET", "/openapi.json")
        schema = {"$ref": "#/components/schemas/OipRequest"}
        for i, (change, good) in enumerate(CHANGES):
            request = copy.deepcopy(oip_request())
            change(request)
            server.json("POST", "/v2/models/mnist/infer", request, 200 if good else 400)
            assert server_schema.fits_schema(request, schema, document) == good, (i, request)
        pictures = [({}, False), ({"image_bytes": None}, False), ({"image_bytes": 5}, False),
                    (json.loads(demo_body()), True), ({**json.loads(demo_body()), "more": 1}, True),
                    ({**json.loads(demo_body()), "mode": "fast"}, False)]
        for request, good in pictures:
            server.json("POST", "/infer", request, 200 if good else 422)
            fits = server_schema.fits_schema(
                request, {"$ref": "#/components/schemas/DemoRequest"}, document)
            assert fits == good, request


if __name__ == "__main__":
    run_tests(globals())
