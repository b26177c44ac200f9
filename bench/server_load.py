#!/usr/bin/env python3
"""The server under load on loopback: requests a second, latencies, and where the time goes.

    bench/server_load.py build/eigentensor-server [seconds of each run]

The ceiling is what the CPUs could do if they did nothing but infer and prepare images (from PNG to
28x28: decode and prepare). An inference is measured on all CPUs at once, without the server: by
`eigentensor bench`, which is looked for beside it. The client runs on the same CPUs: what it takes
of them is left out of the ceiling; "of all" is the share of what they could do without it. The
server's CPU time of a request is given too, which no neighbour can blur: `compute` is an inference
as measured alone, `rest` all that is no inference: HTTP, JSON, digests, handing over, and what
interruptions cost. "p99" is also given as a multiple of the median. `queue` is time waited for a
thread, no CPU's. Run it on a quiet machine: stages are wall time."""
import argparse
import base64
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(HERE, "../models/mnist/samples/3-canvas.png")
MODEL = os.path.join(HERE, "../models/mnist/mnist.json")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as reply:
        return reply.read().decode()


def stages(port):
    """Seconds and runs of each stage so far, of all modes."""
    found = {}
    for kind, stage, value in re.findall(
            r'eigentensor_stage_duration_seconds_(sum|count)\{[^}]*stage="(\w+)"\} (\S+)',
            get(port, "/metrics")):
        found[stage, kind] = found.get((stage, kind), 0) + float(value)
    return found


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def client_seconds():
    """Of CPU that finished processes took: of clients, all others run on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def inference_alone(program):
    """Microseconds, while each CPU does the same."""
    command = [os.path.join(os.path.dirname(program) or ".", "eigentensor"), "bench", "-m", "aot",
               MODEL]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for _ in range(os.cpu_count())]
    said = [run.communicate()[0] for run in runs]
    return statistics.median(float(re.search(r"^aot +\S+ +(\S+)", text, re.M)[1]) for text in said)


def start(program, *options):
    server = subprocess.Popen([program, "--quiet", "--port", "0", *options], stderr=subprocess.PIPE)
    port = int(re.search(r":(\d+),", server.stderr.readline().decode())[1])
    while json.loads(get(port, "/api/model"))["modes"]["aot"]["state"] == "building":
        time.sleep(0.2)
    return server, port


def parser_of(description):
    """Arguments that begin with the server's program."""
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the server, such as build/eigentensor-server")
    return parser


def main():
    parser = parser_of(__doc__)
    parser.add_argument("seconds", type=int, nargs="?", default=5, help="of each run (default: 5)")
    arguments = parser.parse_args()
    seconds = arguments.seconds
    threads = os.cpu_count()
    alone = inference_alone(arguments.program)
    server, port = start(arguments.program)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        with open(SAMPLE, "rb") as file:
            json.dump({"image_bytes": base64.b64encode(file.read()).decode()}, body)
        body.flush()
        print(f"{threads} CPUs and server threads; an inference alone takes {alone:.1f} us; "
              "latencies in microseconds")
        print("request connections   req/s     p50     p99         p99.9 failed  of ceiling  "
              "of all   queue   CPU/request: client, server: compute decode prepare parse rest")
        for request in ("v2", "v2json", "infer"):
            for connections in (1, 2, 8, 64):
                before, cpu, client = stages(port), cpu_seconds(server.pid), client_seconds()
                said = subprocess.run(
                    ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s",
                     os.path.join(HERE, "server_load.lua"), f"http://127.0.0.1:{port}"],
                    env={**os.environ, "REQUEST": request, "BODY": body.name},
                    capture_output=True, text=True).stdout
                after, cpu = stages(port), cpu_seconds(server.pid) - cpu
                client = client_seconds() - client
                fields = re.search("RESULT (.*)", said)[1].split()
                count, duration, p50, p99, p999, failed = map(float, fields)
                spent = {stage: (after[stage, "sum"] - before.get((stage, "sum"), 0)) * 1e6 / count
                         for stage, kind in after if kind == "count"
                         and after[stage, "count"] > before.get((stage, "count"), 0)}
                parts = [spent.get(stage, 0) for stage in ("compute", "decode", "prepare", "parse")]
                parts[0] = alone
                necessary = sum(parts[:3]) / 1e6
                able = min(threads, connections) / necessary
                left = min(connections, threads - client / duration) / necessary
                rate, total = count / duration, cpu / count * 1e6
                print(f"{request:7} {connections:11} {rate:7.0f} {p50:7.0f} {p99:7.0f} "
                      f"{p99 / p50:4.1f}x {p999:7.0f} {failed:6.0f} {rate / left:11.0%} "
                      f"{rate / able:7.0%} {spent['queue']:7.0f} {client / count * 1e6:6.0f}, "
                      f"{total:.0f}:", *(f"{part:.0f}" for part in [*parts, total - sum(parts)]),
                      flush=True)
    server.terminate()
    sys.exit(server.wait())


if __name__ == "__main__":
    main()
