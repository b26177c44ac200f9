"""nginx before two replicas: server_nginx.py NGINX.CONF, in a folder with tls/ and temporary/.

SERVER names the program."""
import ssl
from concurrent.futures import ThreadPoolExecutor

from server_client import *

CONFIGURATION = sys.argv.pop(1)
REQUESTS, CLIENTS = 400, 8


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Replica(Server):
    def __init__(self, port, log):
        super().__init__("--no-aot", "--port", str(port), quiet=False, log=log)


@contextlib.contextmanager
def proxy(ports):
    """nginx, as the file has it but for its ports."""
    with open(CONFIGURATION) as file:
        text = file.read()
    for shipped, ours in zip(("8443", "8990", "8991"), ports):
        assert text.count(f"127.0.0.1:{shipped}") == 1
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{ours}")
    with open("nginx.conf", "w") as file:
        file.write("daemon off;\n" + text)
    command = ["nginx", "-e", "stderr", "-p", os.getcwd(), "-c", "nginx.conf"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, said


def tls(certificate):
    context = ssl.create_default_context(cafile="tls/server.pem")
    if certificate:
        context.load_cert_chain(f"tls/{certificate}.pem", f"tls/{certificate}.key")
    return context


class Client:
    def __init__(self, port, certificate="client"):
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60,
                                                      context=tls(certificate))

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        reply = self.connection.getresponse()
        return reply.status, reply.read(), reply.getheader("X-Request-Id")


def wait_for(port):
    for _ in range(200):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.05)
    raise TimeoutError("nginx does not listen")


def check_who_may_ask(port):
    assert Client(port).ask("GET", "/v2/models/mnist")[0] == 200
    assert Client(port, None).ask("GET", "/v2/models/mnist")[0] == 403
    assert Client(port, None).ask("GET", "/v2/health/ready")[0] == 200
    assert Client(port, "stranger").ask("GET", "/v2/models/mnist")[0] in (400, 403)


def load(port, numbers):
    """The digests of its share of the requests."""
    client, digests = Client(port), []
    body = json.dumps(oip_request())
    for number in numbers:
        status, text, name = client.ask("POST", "/v2/models/mnist/infer", body,
                                        {"Content-Type": "application/json",
                                         "X-Request-Id": f"request-{number}"})
        assert status == 200 and name == f"request-{number}", (status, text[:200], name)
        digests.append(json.loads(text)["parameters"]["digest"])
        time.sleep(0.02)
    return digests


def test_two_replicas_lose_nothing():
    port, *replica_ports = ports = free_ports(3)
    with tempfile.TemporaryFile() as log, proxy(ports):
        replicas = [Replica(one, log) for one in replica_ports]
        wait_for(port)
        check_who_may_ask(port)
        with ThreadPoolExecutor(CLIENTS) as pool:
            loads = [pool.submit(load, port, range(i, REQUESTS, CLIENTS)) for i in range(CLIENTS)]
            for i in (0, 1, 0):
                time.sleep(0.2)
                replicas[i].__exit__(None)  # SIGTERM; it must end well
                replicas[i] = Replica(replica_ports[i], log)
            digests = [digest for one in loads for digest in one.result()]
        for replica in replicas:
            replica.__exit__(None)
        log.seek(0)
        lines = [json.loads(line) for line in log]
    assert len(digests) == REQUESTS and len(set(digests)) == 1
    names = {line["request_id"] for line in lines if line["status"] == 200}
    assert {f"request-{number}" for number in range(REQUESTS)} <= names


run_tests(globals())
