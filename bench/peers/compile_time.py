"""How compile time grows with the graph, by bench/compile_time.c: printed, and as a plot."""

import subprocess

import plot

STORED = ("mnist", "resnet18", "mobilenet-v2", "transformer")  # where someone waits for it


def parsed(line):
    """NAME NODES KERNELS [PASS MILLISECONDS]... PER_1000"""
    name, nodes, kernels, *rest, _ = line.split()
    times = {rest[i]: float(rest[i + 1]) for i in range(0, len(rest), 2)}
    return {"name": name, "nodes": int(nodes), "kernels": int(kernels), "milliseconds": times}


def lines_of(command, cores):
    pinned = ["taskset", "-c", str(cores[0]), *map(str, command)]
    with subprocess.Popen(pinned, stdout=subprocess.PIPE, text=True) as process:
        for i, line in enumerate(process.stdout):
            print(line, end="", flush=True)
            if i > 0:
                yield parsed(line)
    if process.returncode != 0:
        print(f"compile_time ended with {process.returncode}")


def run(place):
    """Prints the times, writes the plot, returns what was found."""
    program = place.bench / "compile_time"
    print("Compile time, pass by pass; whole: from the graph to C text; jit: to code that runs")
    stored = [path for path in (place.graphs / f"{name}.json" for name in STORED) if path.exists()]
    found = list(lines_of([program, *stored], place.cores)) if stored else []
    grown = list(lines_of([program], place.cores))
    series = {}
    for entry in grown:
        point = entry["nodes"], entry["milliseconds"]["whole"]
        series.setdefault(entry["name"], []).append(point)
    (place.bench / "compile_time.svg").write_text(plot.growth(series))
    print(f"{place.bench}/compile_time.svg\n")
    return {"stored": found, "grown": grown}
