"""Results as people read them: a table for each workload, and one of all for the README."""

import math

from contenders import BASE, CONTENDERS

BY_NAME = {contender.name: contender for contender in CONTENDERS}
TITLES = {contender.name: contender.title for contender in CONTENDERS}
ABSENT = "-"
NOISY = 1.3  # a median that is so many times the least time


def number(value):
    """Three digits or more, never in powers of ten."""
    if value is None:
        return ABSENT
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}" if value >= 100 else f"{value:.2f}"


def short(value):
    """Two or three digits, for numbers that say how many times."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def duration(seconds):
    """With the unit that suits."""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= unit or name == "us":
            return f"{number(seconds / unit)} {name}"


def time_of(seconds):
    """The same where it is not printed by a terminal."""
    return duration(seconds).replace("us", "µs")


def on(threads):
    return f"{threads} thread" if threads == 1 else f"{threads} threads"


def percent(share):
    return f"{100 * share:.3g} %" if share >= 0.1 else f"{100 * share:.1f} %"


def size(count):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{number(count / unit)} {name}"
    return f"{count} B"


def columns(rows):
    """Rows of text, the first of titles, set in columns; the first column to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join([row[0].ljust(widths[0]),
                                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
                     for row in rows)


# ---- A workload ----

HEADINGS = ["", "convolutions", "median", "least", "x ours", "of limit", "of it least", "compile",
            "cold start", "process", "memory", "arena", "code", "error"]


def row(result, name):
    found, base = result["contenders"][name], result["contenders"].get(BASE)
    computes = BY_NAME[name].computes(result["fast"])
    bound = result["limit"]
    share = result["agreement"]["differences"][name]
    return [TITLES[name], computes, duration(found["median"]),
            duration(found["least"]),
            short(found["median"] / base["median"]) if base else ABSENT,
            *(percent(bound["seconds"] / found[key]) if computes == "direct" else
              ABSENT for key in ("median", "least")),
            duration(found["compile"]), duration(found["cold"]), duration(found["process"]),
            size(found["memory"]), size(found["arena"]) if "arena" in found else ABSENT,
            size(found["code"]),
            f"{share:.1e}" if share else "0"]


def standalone_row(found):
    return ["Eigentensor, a program of its own", *[ABSENT] * 6, duration(found["compile"]), ABSENT,
            duration(found["process"]), ABSENT, ABSENT, size(found["file"]), ABSENT]


def heading(result):
    bound, said = result.get("limit"), f"{result['title']}, {on(result['threads'])}: "
    said += (f"{result['flops'] / 1e6:.4g} MFLOP, {size(result['bytes_read'])} read, "
             f"{size(result['bytes_written'])} written")
    if bound:
        said += (f"; the limit is {duration(bound['seconds'])}, by {bound['binds']} "
                 f"({bound['gflops']:.1f} GFLOP/s, reads {bound['read_gbs']:.1f}, "
                 f"copies {bound['copy_gbs']:.1f} GB/s)")
    return said


def remarks(result):
    """What a reader must know of this table."""
    said = [f"{TITLES[name]}: left out: {why}" for name, why in result["refused"].items()]
    agreement = result.get("agreement")
    if agreement:
        for graph, bits in agreement["bits"].items():
            said.append(f"{graph}: {', '.join(bits['modes'])}: " +
                        ("the same bits" if bits["equal"] else "DIFFERENT BITS"))
        against = agreement["against"]  # a contender, or float64
        said += [f"{TITLES[name]}: DISAGREES with {TITLES.get(against, against)}"
                 for name in agreement["disagree"]]
    if bound := result.get("limit"):
        said += [f"{TITLES[name]}: faster than the limit as it was measured, by "
                 f"{percent(bound['measured'] / found['least'] - 1)}"
                 for name, found in result["contenders"].items()
                 if found["least"] < bound["measured"] and
                 BY_NAME[name].computes(result["fast"]) == "direct"]
    spread = max((found["median"] / found["least"] for found in result["contenders"].values()),
                 default=1)
    if spread > NOISY:
        said.append(f"noisy: medians are up to {short(spread)} times the least; measure again "
                    "where nothing else runs")
    return said


def table(result):
    """All that was found of one workload, as text."""
    lines = [heading(result)]
    if result["contenders"]:
        rows = [HEADINGS, *(row(result, name) for name in result["contenders"])]
        if "standalone" in result:
            rows.append(standalone_row(result["standalone"]))
        lines.append(columns(rows))
    return "\n".join(lines + ["  " + remark for remark in remarks(result)])


LEGEND = """\
All compute in float32, and have huge pages. convolutions: fast ones take fewer multiplications than
the sum has products (Winograd's), at the cost of accuracy. x ours: the median as a multiple of
Eigentensor AOT's. of limit: how much of the median the limit is; "of it least" has the least time.
The limit, which is none for fast convolutions, counts multiply-adds of convolutions and matrices,
without those with padding, and each byte of inputs, weights and outputs once, at the best rates
that the machine was seen to reach.
compile: until calls are at full speed. cold start: from the model's file to the first result, with
the library loaded; process: from the start of a fresh process. Files are in the page cache.
memory: the most that the process had resident. code: machine code made for the graph, and of peers
also their own libraries; the program of its own is its whole file, with its weights. error: the
largest difference from float64 as a share of the largest element."""


# ---- All workloads ----

def markdown(results, cpu, versions, threads):
    """The tables to quote: ours beside the best peer of each workload, and how long each took."""
    chosen = [result for result in results if result["threads"] == threads]
    return (f"{cpu}, {on(threads)}; float32, medians, everyone with huge pages.\n\n" +
            best_peers(chosen) + "\n" + all_times(chosen, versions))


def table_of(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "--:|" * (len(headings) - 1)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]) + "\n"


def best(result, wanted, key):
    """The fastest contender of those, by medians or least times; None: there is none."""
    names = [name for name in result["contenders"]
             if wanted(BY_NAME[name], BY_NAME[name].computes(result["fast"]))]
    return min(names, key=lambda name: result["contenders"][name][key], default=None)


def against(result, ours, peers):
    """The best of the peers, and how many times as long it takes as the best of ours: by medians,
    and in parentheses by least times."""
    ratios = []
    for key in ("median", "least"):
        pair = [best(result, wanted, key) for wanted in (peers, ours)]
        if None in pair:
            return [ABSENT, ABSENT]
        ratios.append(short(math.prod(result["contenders"][name][key] ** power
                                      for name, power in zip(pair, (1, -1)))))
    name = best(result, peers, "median")
    return [f"{TITLES[name]} {time_of(result['contenders'][name]['median'])}",
            f"{ratios[0]} ({ratios[1]})"]


def best_peers(chosen):
    """Direct against direct, and whatever is fastest against whatever is fastest; the latter peer
    is left out where it is the same. Then the geometric means of how many times as long peers
    take."""
    rows = []
    for result in chosen:
        cells = [time_of(result["limit"]["seconds"])]
        cells += [time_of(result["contenders"][name]["median"])
                  if name in result["contenders"] else "" for name in ("aot", "jit", "fast")]
        direct = against(result, lambda c, how: c.name == BASE,
                         lambda c, how: not c.ours and how == "direct")
        any_way = against(result, lambda c, how: c.mode == "aot", lambda c, how: not c.ours)
        if any_way[0] == direct[0]:
            any_way[0] = ""
        rows.append([result["title"], *cells, *direct, *any_way])
    means = [mean_of(row[column] for row in rows) for column in (-3, -1)]
    return table_of(["", "limit", "AOT", "JIT", "AOT, --fast", "best direct peer", "÷ AOT",
                     "best peer", "÷ our best"], rows) + \
        f"\nGeometric means: {means[0]} ÷ AOT, {means[1]} ÷ our best.\n"


def mean_of(cells):
    """The geometric mean of what cells of `against` begin with."""
    logarithms = [math.log(float(cell.split()[0])) for cell in cells if cell != ABSENT]
    return short(math.exp(sum(logarithms) / len(logarithms))) if logarithms else ABSENT


def all_times(chosen, versions):
    names = [contender.name for contender in CONTENDERS
             if any(contender.name in result["contenders"] for result in chosen)]
    rows = []
    for result in chosen:
        base = result["contenders"].get(BASE, {}).get("median")
        bound = f"{time_of(result['limit']['seconds'])}, {result['limit']['binds']}"
        rows.append([result["title"], bound,
                     *(cell(result["contenders"].get(name), base, name) for name in names)])
    return table_of(["", "limit", *(with_version(name, versions) for name in names)], rows)


def with_version(name, versions):
    return f"{TITLES[name]} {versions[name]}" if name in versions else TITLES[name]


def cell(found, base, name):
    if not found:
        return ""
    said = time_of(found["median"])
    return said if name == BASE or not base else f"{said} ({short(found['median'] / base)})"
