"""One workload on so many threads: all contenders agree, and then take turns."""

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy

import workloads
from contenders import BASE, ContenderError, standalone

# How far outputs may be from those of float64, as a share of the largest element.
TOLERANCE = 1e-4  # of ours
ROUGH = 1e-3      # of ours by fast convolutions, and of peers, of which some have a rough exp
MOST_CALLS = 5000    # in one turn
EAGER_FLOPS = 6e9    # the eager interpreter is not asked for more
LARGE = 256 << 20    # bytes that no cache holds


class Settings:
    """How much is measured."""

    def __init__(self, rounds, seconds, starts, say):
        self.rounds, self.seconds, self.starts, self.say = rounds, seconds, starts, say


# ---- What the machine can do ----

def machine(place, threads, size=LARGE, milliseconds=100):
    command = [place.tool, "machine", "--json", f"--threads={threads}", f"--bytes={size}",
               f"--time={milliseconds}"]
    said = subprocess.run(["taskset", "-c", ",".join(map(str, place.cores[:threads])), *command],
                          check=True, capture_output=True, text=True)
    return json.loads(said.stdout)


def limit(facts, gflops, read, copy):
    """(seconds that no program can do without, what binds). Convolutions and products of matrices
    are counted as arithmetic, and of memory what must be read and written once."""
    arithmetic = facts["flops"] / (gflops * 1e9)
    both = min(facts["bytes_read"], facts["bytes_written"])
    rest = facts["bytes_read"] + facts["bytes_written"] - 2 * both
    memory = 2 * both / (copy * 1e9) + rest / (read * 1e9)
    return (arithmetic, "FMA") if arithmetic >= memory else (memory, "memory")


class Limits:
    """Sampled in every round, as the contenders are. What counts is the best that was seen, here or
    past the caches (`large`, in which the best rate of arithmetic is kept for later workloads):
    neighbours only ever make a machine slower."""

    def __init__(self, place, facts, threads, large):
        self.place, self.facts, self.threads, self.large = place, facts, threads, large
        self.best = dict(large)

    def sample(self, seconds):
        """For so long each rate, since who has many calls also has luckier ones."""
        size = max(4096, self.facts["bytes_read"] + self.facts["bytes_written"])
        found = machine(self.place, self.threads, min(size, LARGE), max(10, int(1e3 * seconds)))
        for key in ("gflops", "read_gbs", "copy_gbs"):
            self.best[key] = max(self.best[key], found[key])
        self.large["gflops"] = self.best["gflops"]

    def found(self, least):
        """`least`: the least time of those who compute directly. Where memory binds, that too is
        what it was seen to do, and by far more passes over it than the samples have."""
        rates = {key: self.best[key] for key in ("gflops", "read_gbs", "copy_gbs")}
        measured, binds = limit(self.facts, *rates.values())
        seconds = min(measured, least) if binds == "memory" else measured
        return {"seconds": seconds, "measured": measured, "binds": binds, **rates}


# ---- Agreement ----

def read_output(path):
    return numpy.fromfile(path, numpy.float32)


def expected_of(place, workload):
    """In float64; None if there is no such file."""
    path = place.graphs / f"{workload.name}.expected"
    return numpy.fromfile(path, numpy.float64) if path.exists() else None


def difference(found, expected):
    """The largest difference as a share of the largest element."""
    if found.shape != expected.shape or not numpy.isfinite(found).all():
        return float("inf")
    scale = float(numpy.abs(expected).max()) or 1.0
    return float(numpy.abs(found - expected).max()) / scale


def same_bits(place, workload, facts, contender, outputs, folder, say):
    """Whether our modes give the same bits: those that take part, and the interpreter."""
    if facts["flops"] <= EAGER_FLOPS:
        say("bits")
        process = place.start(contender, workload, 1, mode="eager")
        try:
            process.open()
            process.write(folder / "eager")
        finally:
            process.close()
        outputs["eager"] = (folder / "eager").read_bytes()
    return {"modes": sorted(outputs), "equal": len(set(outputs.values())) == 1}


# ---- Taking turns ----

def calls_in(seconds, call):
    return max(1, min(MOST_CALLS, round(seconds / max(call, 1e-7))))


def take_turns(running, limits, settings):
    """Seconds of each call, by contender. In each round everyone has a turn, someone else being
    the first; in a turn, the first call is not counted where it takes little. Those for whom a
    call takes longer than a turn have fewer turns, three at least."""
    turn = settings.seconds / settings.rounds
    estimates = {name: min(process.run(2)) for name, process in running.items()}
    found, names = {name: [] for name in running}, list(running)
    for round_ in range(settings.rounds):
        limits.sample(turn / 2)
        for name in names[round_ % len(names):] + names[:round_ % len(names)]:
            seldom = max(3, int(2 * settings.seconds / estimates[name]))
            if round_ >= seldom:
                continue
            settings.say(f"round {round_ + 1} of {settings.rounds}, {name}")
            time.sleep(0.005)  # threads that spin for a while after a call go to sleep
            count = calls_in(turn, estimates[name])
            times = running[name].run(count + 1 if estimates[name] < turn else count)
            found[name].append(times[1:] if len(times) > count else times)
    return found


def least_direct(workload, contenders, turns):
    return min((seconds for contender in contenders
                if contender.name in turns and contender.computes(workload.fast) == "direct"
                for turn in turns[contender.name] for seconds in turn), default=float("inf"))


def summary(turns):
    times = [seconds for turn in turns for seconds in turn]
    return {"median": statistics.median(times), "least": min(times), "calls": len(times),
            "turns": len(turns), "turn_medians": [statistics.median(turn) for turn in turns]}


# ---- A workload ----

def open_all(place, contenders, workload, threads, settings):
    """name -> (process, seconds of opening); name -> why not."""
    running, refused = {}, {}
    for contender in contenders:
        settings.say(f"opening {contender.title}")
        process = None
        try:
            process = place.start(contender, workload, threads)
            running[contender.name] = process, process.open()
        except (ContenderError, OSError) as error:
            refused[contender.name] = str(error)
            if process:
                process.close()
    return running, refused


def start_again(place, contenders, workload, threads, opened, settings):
    """More fresh processes, one after the other; the medians. Those that take long start once."""
    for contender in contenders:
        seconds = opened.get(contender.name)
        if not seconds or seconds["process"] > 5:
            continue
        samples = []
        for i in range(settings.starts):
            settings.say(f"start {i + 1} of {settings.starts}, {contender.title}")
            process = place.start(contender, workload, threads)
            try:
                samples.append(process.open())
            finally:
                process.close()
        for key in seconds:
            if samples:
                seconds[key] = statistics.median(sample[key] for sample in samples)


def agree(place, contenders, workload, facts, running, settings):
    """How far everyone's outputs are from float64, or where that is not known from ours, and
    whether our modes have the same bits: {"bits": ..., "differences": name -> share}."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, by_name, silent = Path(name), {c.name: c for c in contenders}, {}
        for contender, process in running.items():
            try:
                process.write(folder / contender)
            except ContenderError as error:
                silent[contender] = str(error)
        heard = [n for n in running if n not in silent]
        found = {}
        for rewritten in {by_name[n].rewritten for n in heard if by_name[n].ours}:
            modes = {n: (folder / n).read_bytes() for n in heard
                     if by_name[n].ours and by_name[n].rewritten == rewritten}
            first = by_name[next(iter(modes))]
            found["--fast" if rewritten else "graph"] = same_bits(
                place, workload, facts, first, modes, folder, settings.say)
        expected, base = expected_of(place, workload), BASE if BASE in heard else heard[0]
        against = "float64" if expected is not None else base
        if expected is None:
            expected = read_output(folder / base)
        shares = {n: difference(read_output(folder / n), expected) for n in heard}
        return {"bits": found, "differences": shares, "against": against, "silent": silent,
                "disagree": [n for n in heard
                             if not shares[n] <= tolerance(by_name[n], workload)]}


def tolerance(contender, workload):
    return TOLERANCE if contender.ours and contender.computes(workload.fast) == "direct" else ROUGH


def leave_out(agreement, contenders, running, refused):
    """Peers whose outputs are wrong are not measured; where ours are, the command fails."""
    ours = {contender.name for contender in contenders if contender.ours}
    for name in [*agreement["silent"], *agreement["disagree"]]:
        if name not in ours:
            refused[name] = agreement["silent"].get(name) or (
                f"its outputs are wrong, by {agreement['differences'][name]:.1e} of the largest")
            running.pop(name).close()
    agreement["disagree"] = [name for name in agreement["disagree"] if name in ours]


def measure(place, contenders, workload, threads, large, settings):
    """All that is known of a workload afterwards."""
    facts = workloads.facts(workload, place.graphs)
    contenders = [contender for contender in contenders if contender.takes(workload)]
    opened, refused = open_all(place, contenders, workload, threads, settings)
    running = {name: process for name, (process, _) in opened.items()}
    starts = {name: seconds for name, (_, seconds) in opened.items()}
    result = {**facts, "threads": threads, "refused": refused, "contenders": {}}
    try:
        if not running:
            return result
        result["agreement"] = agree(place, contenders, workload, facts, running, settings)
        leave_out(result["agreement"], contenders, running, refused)
        limits = Limits(place, facts, threads, large)
        turns = take_turns(running, limits, settings)
        result["limit"] = limits.found(least_direct(workload, contenders, turns))
        known = {name: process.facts() for name, process in running.items()}
    finally:
        for process in running.values():
            process.close()
    starts = {name: starts[name] for name in running}
    start_again(place, contenders, workload, threads, starts, settings)
    for name in running:
        result["contenders"][name] = {**summary(turns[name]), **starts[name], **known[name]}
    if threads == 1 and BASE in running:
        settings.say("standalone program")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            result["standalone"] = standalone(place, workload, Path(folder))
    return result
