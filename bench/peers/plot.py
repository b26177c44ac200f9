"""Plots as SVG, plain text of our own: they follow the reader's choice of light or dark."""

import math
from html import escape

from contenders import CONTENDERS

STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
.paper { fill: #fff; } text { fill: #1c1917; } .dim { fill: #57534e; } .title { font-weight: 600; }
.grid { stroke: #e7e5e4; } .limit { stroke: #1c1917; stroke-width: 1.5; } .span { stroke: #a8a29e; }
.guide { stroke: #a8a29e; stroke-dasharray: 4 4; }
@media (prefers-color-scheme: dark) {
.paper { fill: #1c1917; } text { fill: #f5f5f4; } .dim { fill: #a8a29e; }
.grid { stroke: #44403c; } .limit { stroke: #f5f5f4; } .span { stroke: #57534e; }
}
"""


class Drawing:
    def __init__(self, width, colors):
        self.width, self.height, self.parts = width, 0, []
        light = "".join(f".c{i} {{ color: {pair[0]}; }}\n" for i, pair in enumerate(colors))
        dark = "".join(f".c{i} {{ color: {pair[1]}; }}\n" for i, pair in enumerate(colors))
        self.style = f"{STYLE}{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"

    def text(self, x, y, said, kind="", anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
                          f"{escape(said)}</text>")

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'class="{kind}"/>')

    def dot(self, x, y, color, hint):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="c{color}" '
                          f'fill="currentColor"><title>{escape(hint)}</title></circle>')

    def path(self, points, color):
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{text}" class="c{color}" fill="none" '
                          'stroke="currentColor" stroke-width="2"/>')

    def finish(self, height, what):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:.0f}" '
                f'width="{self.width}" height="{height:.0f}" role="img">')
        paper = '<rect class="paper" width="100%" height="100%" rx="6"/>'
        return "\n".join([head, f"<title>{escape(what)}</title>", f"<style>{self.style}</style>",
                          paper, *self.parts, "</svg>", ""])


class Scale:
    """A logarithmic axis, whose ends are 1, 2 or 5 times a power of ten."""

    def __init__(self, values, begin, end):
        steps = [mantissa * 10.0 ** power for power in range(-9, 10) for mantissa in (1, 2, 5)]
        low = max((step for step in steps if step <= min(values)), default=steps[0])
        high = min((step for step in steps if step >= max(values)), default=steps[-1])
        high = high if high > low else 10 * low
        self.ticks = [step for step in steps if low <= step <= high]
        self.low, self.high, self.begin, self.end = math.log(low), math.log(high), begin, end

    def __call__(self, value):
        share = (math.log(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def legend(drawing, entries, x, y, right):
    """Dots and names, in as many lines as they need; the y below them."""
    begin = x
    for color, name in entries:
        width = 34 + 7.4 * len(name)
        if x + width > right:
            x, y = begin, y + 22
        drawing.dot(x + 5, y - 4, color, name)
        drawing.text(x + 16, y, name)
        x += width
    return y + 26


# ---- How near everyone comes to the limit ----

LEFT, RIGHT, WIDTH, ROW = 320, 870, 900, 26


def share_of(result, found):
    return 100 * result["limit"]["seconds"] / found["median"]


def only_direct(result):
    """Without those for whom the limit is none."""
    kinds = {contender.name: contender.computes(result["fast"]) for contender in CONTENDERS}
    return {**result, "contenders": {name: found for name, found in result["contenders"].items()
                                     if kinds[name] == "direct"}}


def shares(document):
    """A row for each workload, a dot for each contender whose convolutions are direct."""
    results = [only_direct(result) for result in document["workloads"]]
    results = [result for result in results if result["contenders"] and result["flops"]] + [
        result for result in results
        if result["contenders"] and not result["flops"] and result["name"] != "call"]
    drawing = Drawing(WIDTH, [contender.color for contender in CONTENDERS])
    values = [share_of(result, found) for result in results
              for found in result["contenders"].values()]
    drawing.text(20, 30, "Share of what the machine can do (right is faster)", "title")
    drawing.text(20, 50, f"{document['machine']['cpu']}; medians; 100 %: all multiply-adds at the "
                 "rate of the core's registers, or memory at full bandwidth", "dim")
    taking_part = [(i, contender.title) for i, contender in enumerate(CONTENDERS)
                   if any(contender.name in result["contenders"] for result in results)]
    y = legend(drawing, taking_part, 20, 78, RIGHT)
    if not values:
        return drawing.finish(y, "nothing was measured")
    scale = Scale([*values, 100], LEFT, RIGHT)
    for threads in sorted({result["threads"] for result in results}):
        panel = [result for result in results if result["threads"] == threads]
        drawing.text(20, y + 12, f"{threads} thread{'s' if threads > 1 else ''}", "title")
        y = shares_panel(drawing, panel, scale, y + 22) + 16
    return drawing.finish(y, "Share of the machine's limit by workload and contender")


def shares_panel(drawing, panel, scale, top):
    bottom = top + ROW * len(panel)
    for tick in scale.ticks:
        drawing.line(scale(tick), top, scale(tick), bottom, "limit" if tick == 100 else "grid")
        drawing.text(scale(tick), bottom + 16, f"{tick:g} %", "dim", "middle")
    for i, result in enumerate(panel):
        y = top + ROW * (i + 0.5)
        bound = "" if result["limit"]["binds"] == "FMA" else " (memory)"
        drawing.text(LEFT - 14, y + 4, result["title"] + bound, anchor="end")
        places = [scale(share_of(result, found)) for found in result["contenders"].values()]
        drawing.line(min(places), y, max(places), y, "span")
        for color, contender in reversed(list(enumerate(CONTENDERS))):  # ours on top
            found = result["contenders"].get(contender.name)
            if found:
                share = share_of(result, found)
                drawing.dot(scale(share), y, color, f"{contender.title}: {share:.3g} %, "
                            f"{1e6 * found['median']:.4g} us")
    return bottom + 28


# ---- How compile time grows ----

COLORS = [("#c2410c", "#fb923c"), ("#1d4ed8", "#60a5fa"), ("#0f766e", "#2dd4bf"),
          ("#7e22ce", "#c084fc"), ("#3f6212", "#a3e635"), ("#57534e", "#a8a29e")]


def growth(series):
    """name -> [(nodes, milliseconds)] on logarithmic axes, with a line of slope one."""
    drawing = Drawing(720, COLORS)
    drawing.text(20, 30, "Compile time by nodes of the graph, in milliseconds", "title")
    top = legend(drawing, list(enumerate(series)), 20, 58, 700)
    points = [point for line in series.values() for point in line]
    x = Scale([nodes for nodes, _ in points], 70, 690)
    y = Scale([took for _, took in points], top + 330, top)
    for tick in x.ticks:
        drawing.line(x(tick), top, x(tick), top + 330, "grid")
        drawing.text(x(tick), top + 348, f"{tick:,.0f}", "dim", "middle")
    for tick in y.ticks:
        drawing.line(70, y(tick), 690, y(tick), "grid")
        drawing.text(62, y(tick) + 4, f"{tick:g}", "dim", "end")
    guide = linear_guide(points)
    drawing.line(x(guide[0][0]), y(guide[0][1]), x(guide[1][0]), y(guide[1][1]), "guide")
    drawing.text(70, top + 370, "Dashed: twice the nodes, twice the time", "dim")
    for color, line in enumerate(series.values()):
        drawing.path([(x(nodes), y(took)) for nodes, took in line], color)
        for nodes, took in line:
            drawing.dot(x(nodes), y(took), color, f"{nodes} nodes: {took:g} ms")
    return drawing.finish(top + 386, "Compile time by nodes")


def linear_guide(points):
    """The longest line of slope one through the middle of what was measured."""
    low, high = (end(nodes for nodes, _ in points) for end in (min, max))
    least, most = (end(took for _, took in points) for end in (min, max))
    rate = math.sqrt(least / low * (most / high))
    low, high = max(low, least / rate), min(high, most / rate)
    return (low, low * rate), (high, high * rate)
