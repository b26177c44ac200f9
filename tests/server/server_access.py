"""Tokens, request ids and traces, readiness by mode, and two processes at one socket.

SERVER names the program. Each test_ function is a test; arguments choose some by name."""
import hashlib
from concurrent.futures import ThreadPoolExecutor

from server_client import *

OPEN = ("/healthz", "/v2/health/live", "/v2/health/ready")
CLOSED = ("/", "/metrics", "/docs", "/openapi.json", "/v2", "/v2/models/mnist", "/api/model",
          "/v2/models/mnist/ready", "/nothing", "/%68ealthz", "/healthz/", "//healthz")

# ---- Tokens ----


def line_of(token, name):
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()} {name}\n"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


@contextlib.contextmanager
def token_file(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokens")
        write(path, text)
        yield path


def bearer(token, scheme="Bearer"):
    return {"Authorization": f"{scheme} {token}"}


def test_everything_but_health_wants_a_token():
    with token_file("# who\n\n" + line_of("apple", "ann") + "  " + line_of("pear", "bob")) as path:
        with Server("--no-aot", "--tokens", path) as server:
            for route in OPEN:
                assert server.request("GET", route)[0] == 200, route
            for route in CLOSED:
                status, headers, body = server.request("GET", route)
                assert status == 401 and "apple" not in body.decode(), route
                assert headers["www-authenticate"].startswith("Bearer"), headers
            for headers in (bearer("plum"), bearer("apple", "Basic"), bearer("appl"), bearer(""),
                            bearer("apple pear"), {"Authorization": "apple"}, {"X-Token": "apple"}):
                assert server.request("GET", "/v2", headers=headers)[0] == 401, headers
            for headers in (bearer("apple"), bearer("pear"), bearer("pear", "bearer")):
                assert server.request("GET", "/v2", headers=headers)[0] == 200, headers
            reply = server.json("POST", "/v2/models/mnist/infer", oip_request(),
                                headers=bearer("apple"))
            assert reply["outputs"]
            assert server.request("OPTIONS", "/v2")[0] == 204  # as browsers ask beforehand


def test_a_body_is_not_read_without_a_token():
    with token_file(line_of("apple", "ann")) as path:
        with Server("--no-aot", "--tokens", path) as server:
            head = (b"POST /infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 5\r\n\r\n")
            reply = server.raw(head, timeout=10)
            assert reply.startswith(b"HTTP/1.1 401 ") and b"100 Continue" not in reply, reply


def test_tokens_are_read_again():
    with token_file(line_of("apple", "ann")) as path:
        server = Server("--no-aot", "--tokens", path)
        with server:
            def know(token):
                return server.request("GET", "/v2", headers=bearer(token))[0] == 200

            write(path, line_of("pear", "bob"))
            server.process.send_signal(signal.SIGHUP)
            assert comes(lambda: know("pear")) and not know("apple")
            write(path, "sha256:12 short\n")
            server.process.send_signal(signal.SIGHUP)
            said = server.process.stderr.readline().decode()
            assert f"{path}:1: expected" in said and "the tokens before stay" in said, said
            assert know("pear")


def test_a_hangup_ends_a_server_without_tokens():
    with Server("--no-aot") as server:
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(60) == 0


def test_wrong_files_of_tokens_are_refused():
    good = line_of("apple", "ann")
    for text, message in ((good + "apple\n", ":2: expected"), ("", "no token"),
                          (good.replace("sha256", "md5"), ":1: expected"),
                          (good.split()[0] + "\n", ":1: expected"),
                          (good.strip()[:-1] + "\x01\n", ":1: expected"),
                          ("a" * 600 + "\n", "longer"), (good * 4097, "4096")):
        with token_file(text) as path:
            said = subprocess.run([os.environ["SERVER"], "--no-aot", "--tokens", path],
                                  capture_output=True, text=True, timeout=60)
            assert said.returncode == 1 and message in said.stderr, said
    said = subprocess.run([os.environ["SERVER"], "--port", "0", "--tokens", "/nothing/here"],
                          capture_output=True, text=True, timeout=60)
    assert said.returncode == 1 and "/nothing/here: No such file" in said.stderr, said


# ---- Ids and traces ----

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_requests_have_ids():
    with Server("--no-aot") as server:
        def id_of(headers):
            return server.request("GET", "/healthz", headers=headers)[1]["x-request-id"]

        made = [id_of({}) for _ in range(20)]
        assert len(set(made)) == 20 and all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
        for own in ("7", "b7e1-11:a/b", "x" * 128):
            assert id_of({"X-Request-Id": own}) == own
        for wrong in ("x" * 129, 'a"b', "a b", "é".encode().decode("latin-1"), ""):
            assert re.fullmatch("[0-9a-f]{32}", id_of({"X-Request-Id": wrong})), wrong
        refused = server.raw(b"GET /healthz HTTP/1.1\r\n\r\n")  # without a host
        assert re.search(rb"\r\nX-Request-Id: [0-9a-f]{32}\r\n", refused), refused


def test_traces_go_on():
    with Server("--no-aot") as server:
        def trace_of(parent):
            reply = server.request("GET", "/healthz", headers={"traceparent": parent})[1]
            return reply.get("traceresponse")

        found = re.fullmatch(f"00-{TRACE}-([0-9a-f]{{16}})-01", trace_of(f"00-{TRACE}-{PARENT}-01"))
        assert found and found[1] not in (PARENT, "0" * 16)
        assert trace_of(f"01-{TRACE}-{PARENT}-00-more").startswith(f"00-{TRACE}-")
        for wrong in ("", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", "00",
                      f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{PARENT}-01",
                      f"00-{TRACE}-{PARENT}-01-more", f"00-{TRACE}-{PARENT}", f"00-{TRACE}"):
            assert trace_of(wrong) is None, wrong


def test_the_log_tells_who_and_which():
    with token_file(line_of("apple", "ann")) as path, tempfile.TemporaryFile() as log:
        with Server("--no-aot", "--tokens", path, quiet=False, log=log) as server:
            _, headers, _ = server.request("GET", "/v2", headers={
                **bearer("apple"), "X-Request-Id": "mine", "tracestate": 'vendor="x",other=y',
                "traceparent": f"00-{TRACE}-{PARENT}-01"})
            server.request("GET", "/v2")
            server.raw(b"nonsense\r\n\r\n")
        log.seek(0)
        known, unknown, broken = [json.loads(line) for line in log]
    assert (known["client"], known["request_id"], known["status"]) == ("ann", "mine", 200)
    assert (known["trace_id"], known["parent_span_id"]) == (TRACE, PARENT)
    assert known["trace_state"] == 'vendor="x",other=y'
    assert headers["traceresponse"] == f"00-{TRACE}-{known['span_id']}-01"
    assert unknown["status"] == 401 and "client" not in unknown and "trace_id" not in unknown
    assert broken["status"] == 400 and len(broken["request_id"]) == 32


# ---- Readiness ----


def test_readiness_tells_jit_from_aot():
    with Server("--no-aot") as server:
        for route in ("/v2/health/ready", "/v2/models/mnist/ready"):
            reply = server.json("GET", route)
            assert reply["ready"] and reply["modes"] == {"eager": True, "jit": True, "aot": False}
            assert server.json("GET", route + "?mode=jit")["ready"]
            assert not server.json("GET", route + "?mode=aot", status=503)["ready"]
            for wrong in ("fast", "JIT", ""):
                assert server.json("GET", f"{route}?mode={wrong}", status=400)["error"]
    row = {"dtype": "float32", "shape": [4]}
    with tempfile.TemporaryDirectory() as folder:
        path = graph_file(folder, "negative",
                          [{"id": 0, "op": "input", "src": [], "name": "x", **row},
                           {"id": 1, "op": "neg", "src": [0], **row}],
                          [{"name": "x", **row}], [{"name": "y", "node": 1}])
        with Server(path) as server:
            server.wait_for_aot()
            for route in ("/v2/health/ready", "/v2/models/negative/ready"):
                assert all(server.json("GET", route + "?mode=aot")["modes"].values())


# ---- Two processes at one socket ----


def passing(file, count=1):
    """What starts a program with that file as its first socket."""
    script = ("import os, sys; os.dup2(int(sys.argv[1]), 3); "
              "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2]); "
              "os.execv(sys.argv[3], sys.argv[3:])")
    return sys.executable, "-c", script, str(file), str(count)


class Activated(Server):
    """A server that finds its socket open, as systemd's have it."""

    def __init__(self, listener, *options):
        super().__init__(*options, wrap=passing(listener.fileno()), files=(listener.fileno(),))


def listening_socket():
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def test_one_process_takes_over_from_another():
    with listening_socket() as listener:
        port, stop, digests = listener.getsockname()[1], threading.Event(), []
        body = json.dumps(oip_request())

        def load(_):
            while not stop.is_set():
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                client.request("POST", "/v2/models/mnist/infer", body,
                               {"Content-Type": "application/json"})
                reply = client.getresponse()
                assert reply.status == 200, reply.read()
                digests.append(json.loads(reply.read())["parameters"]["digest"])
                client.close()

        current = Activated(listener, "--no-aot")
        assert current.port == port
        with ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(load, i) for i in range(4)]
            for _ in range(3):
                time.sleep(0.3)
                following = Activated(listener, "--no-aot")
                current.__exit__(None)
                current = following
            count = len(digests)
            time.sleep(0.3)
            stop.set()
            for one in loads:
                one.result()
        current.__exit__(None)
        assert len(digests) > count > 20 and len(set(digests)) == 1


def test_sockets_that_cannot_be_taken():
    with tempfile.TemporaryFile() as file:
        for count, message in ((1, "file 3 is not a TCP socket"), (2, "2 sockets, expected one")):
            command = [*passing(file.fileno(), count), os.environ["SERVER"], "--no-aot"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=60,
                                  pass_fds=[file.fileno()])
            assert said.returncode == 1 and message in said.stderr, said


run_tests(globals())
