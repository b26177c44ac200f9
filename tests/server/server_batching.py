"""Dynamic batching: requests that wait for each other, and get the bits that they get alone.

SERVER names the program. Each test_ function is a test; arguments choose some by name."""
import random
from concurrent.futures import ThreadPoolExecutor

from server_client import *

WIDTH = 40


def model_file(folder):
    """y = the softmax-like exp(x) and its sum in lanes: "sum" of each row of "x", and "curve"."""
    row = {"dtype": "float32", "shape": ["N", WIDTH]}
    return graph_file(folder, "rows",
                      [{"id": 0, "op": "input", "src": [], "name": "x", **row},
                       {"id": 1, "op": "exp", "src": [0], **row},
                       {"id": 2, "op": "reduce_sum", "src": [1], "axes": [1], "dtype": "float32",
                        "shape": ["N"]}],
                      [{"name": "x", **row}],
                      [{"name": "curve", "node": 1}, {"name": "sum", "node": 2}])


def request_of(number):
    """One to three rows, other ones for each number."""
    values = random.Random(number)
    rows = 1 + number % 3
    return {"id": str(number),
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [rows, WIDTH],
                        "data": [values.uniform(-4, 4) for _ in range(rows * WIDTH)]}]}


def ask(server, number):
    reply = server.json("POST", "/v2/models/rows/infer", request_of(number))
    assert reply["id"] == str(number)
    return reply


@contextlib.contextmanager
def serving(*options):
    with tempfile.TemporaryDirectory() as folder:
        with Server(model_file(folder), "--no-aot", "--threads", "2", *options) as server:
            yield server


def test_the_same_bits_together_as_alone():
    numbers = range(60)
    with serving() as server:
        alone = [ask(server, number) for number in numbers]
        assert all("batch_images" not in reply["parameters"] for reply in alone)
    with serving("--max-delay", "20000", "--max-batch", "16") as server:
        with ThreadPoolExecutor(12) as pool:
            together = list(pool.map(lambda number: ask(server, number), numbers))
        [stats] = server.json("GET", "/v2/models/rows/stats")["model_stats"]
        runs = server.metric('eigentensor_run_images_count{model="rows"}')
        most = server.metric('eigentensor_run_images_bucket{model="rows",le="16"}')
    for one, other in zip(alone, together):
        assert one["parameters"]["digest"] == other["parameters"]["digest"]
        assert one["outputs"] == other["outputs"]
    sizes = [reply["parameters"]["batch_images"] for reply in together]
    assert max(sizes) <= 16 and max(sizes) > 3, sizes
    assert stats["inference_count"] == sum(1 + number % 3 for number in numbers)
    assert stats["inference_stats"]["success"]["count"] == len(numbers)
    assert stats["execution_count"] == runs == most < len(numbers)


def test_a_full_batch_does_not_wait():
    with serving("--max-delay", "1000000", "--max-batch", "4") as server:
        for _ in range(3):
            with ThreadPoolExecutor(2) as pool:  # two rows each
                replies = list(pool.map(lambda number: ask(server, number), (1, 4)))
            told = [reply["parameters"] for reply in replies]
            assert [each["batch_images"] for each in told] == [4, 4]
            assert min(each["queue_us"] for each in told) < 1000000, "it waited"
        five = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [5, WIDTH],
                            "data": [0] * 5 * WIDTH}]}
        assert "expected 1 to 4" in server.json("POST", "/v2/models/rows/infer", five, 400)["error"]


def test_a_lonely_request_is_answered_when_its_delay_is_over():
    with serving("--max-delay", "50000") as server:
        reply = ask(server, 0)
        assert reply["parameters"]["batch_images"] == 1
        assert reply["parameters"]["queue_us"] >= 49000


def test_wrong_and_eager_requests_wait_for_nobody():
    with serving("--max-delay", "1000000") as server:
        assert server.json("POST", "/v2/models/rows/infer", {"inputs": []}, 400)["error"]
        eager = server.json("POST", "/v2/models/rows/infer",
                            {**request_of(0), "parameters": {"mode": "eager"}})
        assert eager["parameters"]["mode"] == "eager"
        assert eager["parameters"]["queue_us"] < 1000000, "it waited"


def test_who_has_gone_holds_nobody_up():
    body = json.dumps(request_of(2)).encode()
    with serving("--max-delay", "300000") as server:
        expected = ask(server, 0)["parameters"]["digest"]
        gone = [server.connect() for _ in range(3)]
        for client in gone:
            client.sendall(post("/v2/models/rows/infer", body))
        time.sleep(0.1)
        for client in gone:
            client.close()
        assert ask(server, 0)["parameters"]["digest"] == expected
        assert server.metric("eigentensor_requests_in_flight") == 1  # this one


def test_who_may_run_but_few_at_a_time_waits_for_nobody():
    with tempfile.TemporaryDirectory() as folder:
        path = model_file(folder).removesuffix(".json")
        with open(path + ".conf", "w") as limits:
            limits.write("threads = 1\n")
        with Server("--no-aot", "--models", folder, "--max-delay", "1000000") as server:
            route = f"/v2/models/{os.path.basename(path)}/infer"
            told = server.json("POST", route, request_of(0))["parameters"]
        assert told["mode"] == "jit" and told["queue_us"] < 1000000, "it waited"


def test_what_waits_when_the_server_stops_is_answered():
    with serving("--max-delay", "1000000") as server:
        with ThreadPoolExecutor(5) as pool:
            replies = [pool.submit(ask, server, number) for number in range(5)]
            while (not any(reply.done() for reply in replies) and
                   server.metric("eigentensor_requests_in_flight") < 6):
                time.sleep(0.01)
            server.process.send_signal(signal.SIGTERM)
            assert all(reply.result()["outputs"] for reply in replies)
        assert server.process.wait(30) == 0


run_tests(globals())
