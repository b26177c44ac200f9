"""A folder of models that is watched: what comes, changes and goes while requests run.

SERVER names the program. Each test_ function is a test; arguments choose some by name."""
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor

from server_client import *

ROW = {"dtype": "float32", "shape": [4]}


def graph_of(factor):
    """y = x * factor, for factors that are powers of two."""
    nodes, value = [{"id": 0, "op": "input", "src": [], "name": "x", **ROW}], 1
    while value < factor:
        last = len(nodes) - 1
        nodes.append({"id": last + 1, "op": "add", "src": [last, last], **ROW})
        value *= 2
    return json.dumps({"format": "eigentensor", "version": 2, "name": f"times {factor}",
                       "inputs": [{"name": "x", **ROW}], "nodes": nodes,
                       "outputs": [{"name": "y", "node": len(nodes) - 1}]})


def put(folder, name, text):
    """As who replaces a file well does it: at once."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]}]}


def infer(server, name, status=200):
    return server.json("POST", f"/v2/models/{name}/infer", REQUEST, status)


def factor(server, name):
    reply = infer(server, name)
    assert reply["model_name"] == name
    first = reply["outputs"][0]["data"][0]
    assert reply["outputs"][0]["data"] == [first, 2 * first, 3 * first, 4 * first]
    return first


def index(server):
    return {entry["name"]: (entry["state"], entry["reason"])
            for entry in server.json("POST", "/v2/repository/index")}


def has(server, name):
    return server.request("GET", f"/v2/models/{name}")[0] == 200


@contextlib.contextmanager
def folder_with(**texts):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            put(folder, name + ".json", text)
        yield folder


def test_models_come_change_and_go():
    with folder_with(a=graph_of(2)) as folder, Server("--no-aot", "--models", folder) as server:
        assert factor(server, "a") == 2 and index(server) == {"a": ("READY", "")}
        os.mkdir(os.path.join(folder, "a"))  # no model, of a name that there is
        os.mkdir(os.path.join(folder, "lost+found"))
        put(folder, "notes.txt", "")
        put(folder, "b.json", graph_of(4))
        put(folder, "deep/any.json", graph_of(8))
        assert comes(lambda: has(server, "b")) and factor(server, "b") == 4
        assert comes(lambda: has(server, "deep")) and factor(server, "deep") == 8
        put(folder, "a.json", graph_of(16))
        assert comes(lambda: factor(server, "a") == 16)
        put(folder, "deep/any.json", graph_of(32))
        assert comes(lambda: factor(server, "deep") == 32)
        os.remove(os.path.join(folder, "b.json"))
        shutil.rmtree(os.path.join(folder, "deep"))
        assert comes(lambda: set(index(server)) == {"a"})
        assert not has(server, "b") and not has(server, "deep") and factor(server, "a") == 16


def test_what_comes_is_built_with_gcc_too():
    with folder_with() as folder, Server("--models", folder) as server:
        put(folder, "a.json", graph_of(2))
        ready = "/v2/models/a/ready?mode=aot"
        for _ in range(600 * SLOW):
            if server.request("GET", ready)[0] == 200:
                break
            time.sleep(0.1)
        assert infer(server, "a")["parameters"]["mode"] == "aot" and factor(server, "a") == 2


def test_what_goes_leaves_no_memory():
    count = 4_000_000
    wide = graph_of(2).replace("[4]", f"[{count}]")
    header = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [count],
                                     "parameters": {"binary_data_size": 4 * count}}],
                         "parameters": {"binary_data_output": True}}).encode()
    with folder_with(a=graph_of(2), wide=wide) as folder:
        options = "--models", folder, "--threads", "1", "--max-body", str(8 * count)
        with Server("--no-aot", *options) as server:
            before = server.resident()
            status, _, _ = server.request(
                "POST", "/v2/models/wide/infer", header + bytes(4 * count),
                {"Content-Type": "application/octet-stream",
                 "Inference-Header-Content-Length": str(len(header))})
            assert status == 200
            assert SANITIZED or server.resident() - before > 8 * count, "it took nothing"
            os.remove(os.path.join(folder, "wide.json"))
            assert comes(lambda: not has(server, "wide"))
            assert factor(server, "a") == 2  # the worker has been at work since
            assert SANITIZED or server.resident() - before < 4 * count, "it keeps what it took"


def test_one_of_two_is_served():
    with folder_with(a=graph_of(2)) as folder:
        put(folder, "a/x.json", graph_of(4))
        put(folder, "b.onnx", "a stored graph goes before it")
        put(folder, "b.json", graph_of(8))
        with Server("--no-aot", "--models", folder) as server:
            assert factor(server, "a") == 2 and factor(server, "b") == 8
            put(folder, "b.json", graph_of(16))
            assert comes(lambda: factor(server, "b") == 16)
            os.remove(os.path.join(folder, "a.json"))
            assert comes(lambda: factor(server, "a") == 4)


def test_a_folder_may_begin_empty():
    with folder_with() as folder, Server("--no-aot", "--models", folder) as server:
        assert index(server) == {} and server.json("GET", "/v2/health/ready")["ready"]
        assert server.json("GET", "/api/model", status=404)["detail"]
        put(folder, "a.json", graph_of(2))
        assert comes(lambda: has(server, "a")) and factor(server, "a") == 2


def test_what_cannot_be_served_is_told_of_once():
    with folder_with(a=graph_of(2), wrong="{}") as folder:
        server = Server("--no-aot", "--models", folder, said=True)
        try:
            assert 'model "wrong" is not served: ' in server.before, server.before
            assert index(server)["wrong"][0] == "UNAVAILABLE" and factor(server, "a") == 2
            put(folder, "a.json", "nonsense")
            line = server.process.stderr.readline().decode()
            assert 'model "a" is not served as it is now: ' in line, line
            state, reason = index(server)["a"]
            assert state == "READY" and "a.json" in reason and factor(server, "a") == 2
            put(folder, "wrong.json", graph_of(4))
            assert comes(lambda: has(server, "wrong")) and index(server)["wrong"] == ("READY", "")
        finally:
            server.__exit__(None)


def test_replacing_loses_no_request():
    factors = (2, 4, 8, 16)
    with folder_with(a=graph_of(2)) as folder:
        with Server("--no-aot", "--models", folder, "--threads", "2") as server:
            stop, seen = threading.Event(), []

            def load(_):
                while not stop.is_set():
                    seen.append(factor(server, "a"))

            with ThreadPoolExecutor(4) as pool:
                loads = [pool.submit(load, i) for i in range(4)]
                for one in factors * 2:
                    put(folder, "a.json", graph_of(one))
                    assert comes(lambda: seen and seen[-1] == one)
                stop.set()
                for one in loads:
                    one.result()
            assert set(seen) == set(factors) and len(seen) > 50


def test_load_and_unload():
    with folder_with(a=graph_of(2)) as folder, Server("--no-aot", "--models", folder) as server:
        def change(name, how, status=200):
            return server.json("POST", f"/v2/repository/models/{name}/{how}", b"", status)

        assert change("a", "unload") == {}
        assert infer(server, "a", 404) and index(server)["a"] == ("UNAVAILABLE", "unloaded")
        assert change("a", "unload", 404)["error"] and change("none", "load", 404)["error"]
        assert change("a", "load") == {} and factor(server, "a") == 2
        put(folder, "b.json", graph_of(4))
        assert change("b", "load") == {} and factor(server, "b") == 4
        put(folder, "c.json", "[]")
        assert "c.json" in change("c", "load", 500)["error"]
        os.remove(os.path.join(folder, "c.json"))
    with Server("--no-aot") as server:
        assert "--models" in change("mnist", "unload", 400)["error"]


def test_pages_load_and_unload_with_a_token_only():
    page = {"Origin": "http://a.page"}
    digest = hashlib.sha256(b"apple").hexdigest()
    with folder_with(a=graph_of(2)) as folder, tempfile.NamedTemporaryFile("w") as tokens:
        tokens.write(f"sha256:{digest} ann\n")
        tokens.flush()

        def change(server, how, headers, status):
            path = f"/v2/repository/models/a/{how}"
            return server.json("POST", path, b"", status, headers)

        with Server("--no-aot", "--cors", "", "--models", folder) as server:
            for how in ("unload", "load"):
                assert "--tokens" in change(server, how, page, 403)["error"]
                assert "--tokens" in change(server, how, {"Origin": "null"}, 403)["error"]
                assert factor(server, "a") == 2
        with Server("--no-aot", "--models", folder, "--tokens", tokens.name) as server:
            change(server, "unload", page, 401)
            assert change(server, "unload", {**page, "Authorization": "Bearer apple"}, 200) == {}


def test_a_full_folder_is_followed_as_far_as_it_goes():
    with folder_with(a=graph_of(2), **{f"m{i:03}": "[]" for i in range(255)}) as folder:
        server = Server("--no-aot", "--models", folder, said=True)
        try:
            put(folder, "n.json", "[]")
            line = server.process.stderr.readline().decode()
            assert line.endswith(f"{folder}: more than 256 models; the others are left out\n"), line
            reply = server.json("POST", "/v2/repository/models/n/load", b"", 503)
            assert "more than 256 models" in reply["error"], reply
            put(folder, "a.json", graph_of(4))
            assert comes(lambda: factor(server, "a") == 4)
            os.remove(os.path.join(folder, "m000.json"))
            line = server.process.stderr.readline().decode()
            assert 'model "n" is not served' in line, line
        finally:
            server.__exit__(None)


def test_a_folder_that_cannot_be_read_is_told_of_once():
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, "models")
        put(folder, "a.json", graph_of(2))
        with Server("--no-aot", "--models", folder) as server:
            os.rename(folder, folder + "-away")
            line = server.process.stderr.readline().decode()
            assert f"{folder}: No such file" in line and "what is served stays" in line, line
            time.sleep(2.5)  # as long as until it looks again
            put(folder + "-away", "a.json", graph_of(4))
            os.rename(folder + "-away", folder)
            assert comes(lambda: factor(server, "a") == 4)


def test_who_finds_no_place_gets_the_next_that_is_free():
    with folder_with(**{f"m{i:02}": graph_of(2) for i in range(66)}) as folder:
        server = Server("--no-aot", "--models", folder, said=True)
        try:
            found = index(server)
            out = {name for name, (state, _) in found.items() if state != "READY"}
            assert len(out) == 2 and server.before.count("more than 64 models") == 2, server.before
            refused = server.json("POST", f"/v2/repository/models/{min(out)}/load", b"", 503)
            assert "unload one" in refused["error"], refused
            one, other, *_ = sorted(set(found) - out)
            assert server.json("POST", f"/v2/repository/models/{one}/unload", b"") == {}
            assert comes(lambda: sum(has(server, name) for name in out) == 1)
            os.remove(os.path.join(folder, other + ".json"))
            assert comes(lambda: all(has(server, name) for name in out))
            assert index(server)[one] == ("UNAVAILABLE", "unloaded") and not has(server, other)
        finally:
            server.__exit__(None)


def test_each_model_has_its_limits():
    with folder_with(a=graph_of(2)) as folder:
        put(folder, "a.conf", "# small\nthreads = 1\nrun-timeout = 1\nmax-memory = 2000000\n")
        with Server("--no-aot", "--models", folder) as server:
            assert factor(server, "a") == 2
            put(folder, "wide.conf", "max-memory = 2000000\n")
            put(folder, "wide.json", graph_of(2).replace("[4]", "[400000]"))
            line = server.process.stderr.readline().decode()
            assert "wide" in line and "more than 2000000" in line, line
            os.remove(os.path.join(folder, "wide.conf"))
            assert comes(lambda: has(server, "wide"))
            put(folder, "a.conf", "threads = 0\n")
            line = server.process.stderr.readline().decode()
            assert "a.conf:1: expected max-memory, run-timeout or threads" in line, line
            put(folder, "a.conf", f"# {'x' * 253}\nthreads = 1\n# {'x' * 300}\n")
            line = server.process.stderr.readline().decode()
            assert "a.conf:1: the line is longer than 254 bytes" in line, line
            assert factor(server, "a") == 2


def test_a_model_has_no_more_memory_than_the_server_allows():
    with folder_with(wide=graph_of(2).replace("[4]", "[400000]")) as folder:
        put(folder, "wide.conf", "max-memory = 100000000\n")
        server = Server("--no-aot", "--models", folder, "--max-memory", "2000000", said=True)
        try:
            assert "more than 2000000" in server.before and not has(server, "wide"), server.before
        finally:
            server.__exit__(None)


def test_limits_hold_for_all_sizes_of_a_model():
    with folder_with() as folder:
        shutil.copy("tests/fuzz/corpus/onnx/open_axes", os.path.join(folder, "open.onnx"))
        put(folder, "open.conf", "max-memory = 1048576\n")
        with Server("--no-aot", "--models", folder) as server:
            def ask(count, status):
                x = {"name": "x", "datatype": "FP32", "shape": [count, 3, 4],
                     "data": [1] * (12 * count)}
                return server.json("POST", "/v2/models/open/infer", {"inputs": [x]}, status)

            assert ask(2, 200)["outputs"]
            assert "more than 1048576" in ask(30000, 400)["error"]


def test_a_model_takes_no_more_time_and_threads_than_it_may():
    with folder_with() as folder:
        long_file(folder)
        put(folder, "long.conf", "threads = 1\nrun-timeout = 1\n")
        put(folder, "a.json", graph_of(2))
        with Server("--no-aot", "--models", folder, "--threads", "2") as server:
            with ThreadPoolExecutor(2) as pool:
                replies = list(pool.map(lambda _: server.request(
                    "POST", "/v2/models/long/infer", json.dumps(long_request()),
                    {"Content-Type": "application/json"}), range(2)))
            assert sorted(status for status, *_ in replies) == [503, 504], replies
            for status, headers, body in replies:
                assert b"longer than 1 s" in body if status == 504 else b"as many as it may" in body
                assert status == 504 or headers["retry-after"]
            assert factor(server, "a") == 2


def test_models_have_other_names():
    with tempfile.TemporaryDirectory() as folder:
        put(folder, "x/graph.json", graph_of(4))
        path = os.path.join(folder, "x")
        with Server("--no-aot", f"two={path}/graph.json", f"twin={path}") as server:
            assert factor(server, "two") == factor(server, "twin") == 4
            assert not has(server, "times%204")
        for wrong, message in ((f"a={folder}", "found none"), ("a=/nothing.json", "/nothing.json"),
                               (f"={path}", "1 to 255 bytes")):
            said = subprocess.run([os.environ["SERVER"], "--no-aot", wrong], capture_output=True,
                                  text=True, timeout=60)
            assert said.returncode == 1 and message in said.stderr, said


run_tests(globals())
