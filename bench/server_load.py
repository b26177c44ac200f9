#!/usr/bin/env python3
"""The server under load on loopback: requests a second, latencies, and where the time goes.

    bench/server_load.py build/eigentensor-server [seconds of each run]

The ceiling is threads / (time of one inference + image preparation), the preparation being from PNG
to 28x28: decode and prepare. Since the client runs on the same CPUs, the server's CPU time of a
request is given too, split by what its metrics say, which no neighbour can blur; `rest` is HTTP,
JSON of the reply, digests, handing over. "within 3x" says whether p99 is under 3 times the median.
`queue` is time waited for a thread, no CPU's. Run it on a quiet machine: stages are wall time."""
import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(HERE, "../models/mnist/samples/3-canvas.png")


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
    server, port = start(arguments.program)
    threads = os.cpu_count()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        with open(SAMPLE, "rb") as file:
            json.dump({"image_bytes": base64.b64encode(file.read()).decode()}, body)
        body.flush()
        print(f"{threads} server threads; latencies in microseconds")
        print("request connections   req/s     p50     p99   p99.9 within 3x failed  of ceiling   "
              "queue  CPU/request: compute decode prepare parse rest")
        for request in ("v2", "v2json", "infer"):
            for connections in (1, 2, 8, 64):
                before, cpu = stages(port), cpu_seconds(server.pid)
                said = subprocess.run(
                    ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s",
                     os.path.join(HERE, "server_load.lua"), f"http://127.0.0.1:{port}"],
                    env={**os.environ, "REQUEST": request, "BODY": body.name},
                    capture_output=True, text=True).stdout
                after, cpu = stages(port), cpu_seconds(server.pid) - cpu
                fields = re.search("RESULT (.*)", said)[1].split()
                count, duration, p50, p99, p999, failed = map(float, fields)
                spent = {stage: (after[stage, "sum"] - before.get((stage, "sum"), 0)) / count * 1e6
                         for stage, kind in after if kind == "count"
                         and after[stage, "count"] > before.get((stage, "count"), 0)}
                queue = spent.pop("queue")
                necessary = sum(spent.get(stage, 0) for stage in ("compute", "decode", "prepare"))
                ceiling = min(threads, connections) / necessary * 1e6
                parts = [spent.get(stage, 0) for stage in ("compute", "decode", "prepare", "parse")]
                total = cpu / count * 1e6
                print(f"{request:7} {connections:11} {count / duration:7.0f} {p50:7.0f} {p99:7.0f} "
                      f"{p999:7.0f} {'yes' if p99 < 3 * p50 else 'no':>9} {failed:6.0f} "
                      f"{count / duration / ceiling:11.0%} {queue:7.0f} {total:6.0f}:",
                      *(f"{part:.0f}" for part in [*parts, total - sum(parts)]), flush=True)
    server.terminate()
    sys.exit(server.wait())


if __name__ == "__main__":
    main()
