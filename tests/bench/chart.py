"""Draws ns a packet over the number of rules: hot on the left, cold on the right; flat against rising. Plain SVG."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 400
PANEL_WIDTH, PANEL_HEIGHT, TOP = 345, 255, 76
LEFTS = (70, 510)

# A figure is read in both colour schemes: on its own background, whatever page it is shown on.
COLOURS = {
    "light": {"back": "#ffffff", "ink": "#263238", "dim": "#546e7a",
              "faint": "#cfd8dc", "ours": "#1565c0", "base": "#d84315", "floor": "#78909c"},
    "dark": {"back": "#0d1117", "ink": "#e6edf3", "dim": "#9da7b1",
              "faint": "#30363d", "ours": "#58a6ff", "base": "#ff8a65", "floor": "#9da7b1"},
}
SHAPES = """
    .dim { font-size: 12px; } .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
    .line.floor { stroke-dasharray: 2 4; } .line.ipv6 { stroke-dasharray: 8 4; }"""


def colours(scheme):
    """Literal colours, since not every viewer knows CSS variables."""
    c = COLOURS[scheme]
    lines = "".join(f" .line.{kind} {{ stroke: {c[kind]}; }} .dot.{kind} {{ fill: {c[kind]}; }}" for kind in ("ours", "base", "floor"))
    text = f"text {{ fill: {c['ink']}; }} .dim {{ fill: {c['dim']}; }}"
    return f".back {{ fill: {c['back']}; }} {text} .grid {{ stroke: {c['faint']}; }}{lines}"


class Panel:
    """One pair of axes: rules (logarithmic) and nanoseconds (linear, from 0)."""

    def __init__(self, left, title, series):
        self.left, self.title, self.series = left, title, series
        points = [point for _, _, line in series for point in line]
        self.most_rules = max(rules for rules, _ in points)
        self.step = nice_step(max(ns for _, ns in points) / 5)
        self.top_ns = self.step * math.ceil(max(ns for _, ns in points) / self.step)

    def x(self, rules):
        return self.left + PANEL_WIDTH * math.log10(rules) / max(1, math.log10(self.most_rules))

    def y(self, ns):
        return TOP + PANEL_HEIGHT * (1 - ns / self.top_ns)

    def draw(self):
        out = [f'<text x="{self.left}" y="{TOP - 24}">{escape(self.title)}</text>',
               f'<text class="dim" x="{self.left}" y="{TOP - 8}">ns a packet</text>']
        for ns in range(0, self.top_ns + 1, self.step):
            out.append(f'<path class="grid" d="M{self.left} {self.y(ns):.1f}h{PANEL_WIDTH}"/>')
            out.append(f'<text class="dim" x="{self.left - 8}" y="{self.y(ns) + 4:.1f}" text-anchor="end">{ns}</text>')
        bottom, centre = TOP + PANEL_HEIGHT, self.left + PANEL_WIDTH / 2
        for exponent in range(round(math.log10(self.most_rules)) + 1):
            out.append(f'<text class="dim" x="{self.x(10 ** exponent):.1f}" y="{bottom + 20}" text-anchor="middle">{power(exponent)}</text>')
        out.append(f'<text class="dim" x="{centre:.1f}" y="{bottom + 38}" text-anchor="middle">rules</text>')
        for kind, family, line in self.series:
            out.append(f'<path class="line {kind} {family}" d="M{" ".join(f"{self.x(n):.1f} {self.y(ns):.1f}" for n, ns in line)}"/>')
            out += [f'<circle class="dot {kind}" cx="{self.x(n):.1f}" cy="{self.y(ns):.1f}" r="2.8"/>' for n, ns in line]
        return out


def nice_step(least):
    """The least of 1, 2, 5, 10, 20, ... that is not below `least`."""
    power_of_ten = 10 ** math.floor(math.log10(max(least, 1)))
    return next(int(power_of_ten * n) for n in (1, 2, 5, 10) if power_of_ten * n >= least)


def power(exponent):
    return str(10 ** exponent) if exponent < 4 else "10" + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def legend(kinds):
    out, x = [], LEFTS[0]
    for kind, family, text in kinds:
        out.append(f'<path class="line {kind} {family}" d="M{x} {HEIGHT - 16}h30"/>')
        out.append(f'<text class="dim" x="{x + 38}" y="{HEIGHT - 12}">{escape(text)}</text>')
        x += 60 + 7 * len(text)
    return out


def draw(hot, cold, caption):
    """`hot`, `cold`: lists of (kind, family, [(rules, ns)]), kind one of ours, base, floor, family ipv4 or ipv6."""
    title = "What finding the socket costs, by number of rules"
    body = legend([("ours", "", "swathe, IPv4"), ("ours", "ipv6", "IPv6"), ("base", "", "two LPM look-ups, IPv4"), ("base", "ipv6", "IPv6"),
                   ("floor", "", "floor: SOCKMAP look-up, assign, release")])
    for left, name, series in zip(LEFTS, ("hot: one destination again and again", "cold: random destinations"), (hot, cold)):
        body += Panel(left, name, series).draw()
    style = f"{SHAPES}\n    {colours('light')}\n    @media (prefers-color-scheme: dark) {{ {colours('dark')} }}\n  "
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="14" role="img">',
        f"  <title>{title}</title>", f"  <desc>{escape(caption)}</desc>", f"  <style>{style}</style>",
        f'  <rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
        f'  <text x="{LEFTS[0]}" y="28" font-size="16">{title}</text>',
        *("  " + line for line in body), "</svg>", ""])
