#!/usr/bin/env python3
"""Many requests of every kind; memory and file descriptors after each tenth of them.

    bench/server_soak.py build/eigentensor-server [requests, 1000000]

Fails when memory grew by more than 1 MiB after the first tenth, or the end is not 0."""
import json
import os
import re
import subprocess
import sys
import tempfile

from server_load import HERE, SAMPLE, base64, get, parser_of, resident, start


def main():
    parser = parser_of(__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=1000000,
                        help="how many (default: 1000000)")
    arguments = parser.parse_args()
    wanted = arguments.requests
    server, port = start(arguments.program)
    sizes, done = [], 0
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        with open(SAMPLE.replace("canvas", "pen"), "rb") as file:
            json.dump({"image_bytes": base64.b64encode(file.read()).decode()}, body)
        body.flush()
        for tenth in range(1, 11):
            turn = 0
            while done < wanted * tenth // 10:
                request = ("v2", "v2", "v2", "infer", "v2json")[turn % 5]
                turn += 1
                said = subprocess.run(
                    ["wrk", "-t1", "-c8", "-d2", "-s", os.path.join(HERE, "server_load.lua"),
                     f"http://127.0.0.1:{port}"],
                    env={**os.environ, "REQUEST": request, "BODY": body.name},
                    capture_output=True, text=True).stdout
                fields = re.search("RESULT (.*)", said)[1].split()
                assert fields[5] == "0", said
                done += int(fields[0])
            files = re.search(r"^process_open_fds (\d+)", get(port, "/metrics"), re.M)[1]
            sizes.append(resident(server.pid))
            print(f"{done:9} requests  {sizes[-1] / 1024:9.0f} KiB resident  {files} files",
                  flush=True)
    server.terminate()
    status = server.wait()
    grown = max(sizes[1:]) - sizes[0]
    print(f"grown by {grown / 1024:.0f} KiB after the first tenth")
    sys.exit(status or grown > 1 << 20)


if __name__ == "__main__":
    main()
