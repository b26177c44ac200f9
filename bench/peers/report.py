"""Results as people read them: a table for each workload, and one of all for the README."""

from contenders import BASE, CONTENDERS

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

HEADINGS = ["", "median", "least", "x ours", "of limit", "of it least", "compile", "cold start",
            "process", "memory", "arena", "code", "error"]


def row(result, name):
    found, base = result["contenders"][name], result["contenders"].get(BASE)
    bound = result["limit"]
    share = result["agreement"]["differences"][name]
    return [TITLES[name], duration(found["median"]), duration(found["least"]),
            short(found["median"] / base["median"]) if base else ABSENT,
            percent(bound["seconds"] / found["median"]), percent(bound["least"] / found["least"]),
            duration(found["compile"]), duration(found["cold"]), duration(found["process"]),
            size(found["memory"]), size(found["arena"]) if "arena" in found else ABSENT,
            size(found["code"]),
            f"{share:.1e}" if share else "0"]


def standalone_row(found):
    return ["Eigentensor, a program of its own", *[ABSENT] * 5, duration(found["compile"]), ABSENT,
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
        said += [f"{TITLES[name]}: DISAGREES with {TITLES[agreement['against']]}"
                 for name in agreement["disagree"]]
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
x ours: the median as a multiple of Eigentensor AOT's. of limit: how much of the median the limit
is; "of it least" has the least time, and the best the machine was seen to do. The limit counts
multiply-adds of convolutions and matrices, and each byte of inputs, weights and output once.
compile: until calls are at full speed. cold start: from the model's file to the first result, with
the library loaded; process: from the start of a fresh process. Files are in the page cache.
memory: the most that the process had resident. code: machine code made for the graph, and of ONNX
Runtime and PyTorch also their own libraries; the program of its own is its whole file, with its
weights. error: the largest difference from ours as a share of the largest element."""


# ---- All workloads ----

def markdown(results, cpu, versions, threads):
    """The table that the README quotes: of each workload the limit, and how long each took."""
    chosen = [result for result in results if result["threads"] == threads]
    names = [contender.name for contender in CONTENDERS
             if any(contender.name in result["contenders"] for result in chosen)]
    lines = [f"{cpu}, {on(threads)}; medians, in parentheses as multiples of {TITLES[BASE]}'s.", "",
             "| | limit | " + " | ".join(with_version(name, versions) for name in names) + " |",
             "|---|--:|" + "--:|" * len(names)]
    for result in chosen:
        base = result["contenders"].get(BASE, {}).get("median")
        cells = [cell(result["contenders"].get(name), base, name) for name in names]
        bound = f"{duration(result['limit']['seconds'])}, {result['limit']['binds']}"
        bound = bound.replace("us", "µs")
        lines.append(f"| {result['title']} | {bound} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_version(name, versions):
    return f"{TITLES[name]} {versions[name]}" if name in versions else TITLES[name]


def cell(found, base, name):
    if not found:
        return ""
    said = duration(found["median"]).replace("us", "µs")
    return said if name == BASE or not base else f"{said} ({short(found['median'] / base)})"
