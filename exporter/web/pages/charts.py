"""Charts as inline SVG: one bar for each minute of the last hour, in a row of a table or large."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

BAR = 2
HEIGHT = 24

WIDTH, TALL = 600, 150
LEFT, TOP, BOTTOM = 44, 14, 22
"""Room beside the bars of a large chart for the words of its axes."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line over a chart: how many seconds ago, of which kind, and in words."""

    ago: float
    kind: str
    words: str


def bars(values: Sequence[int], label: str) -> Markup:
    """A chart of ``values``, the newest at the right; ``label`` says in words what it shows.

    The tallest bar is the largest value. A value above 0 is never too small to be seen.
    """
    most = max(values, default=0)
    width = BAR * len(values)
    shapes = Markup("").join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
            BAR * place, HEIGHT - height, BAR - 0.5, height
        )
        for place, value in enumerate(values)
        if value and (height := max(2, round(HEIGHT * value / most)))
    )
    return Markup(
        '<svg class="bars" role="img" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(width, HEIGHT, label, shapes)


def chart(values: Sequence[int], label: str, marks: Sequence[Mark] = ()) -> Markup:
    """A large chart of a value a minute, with axes, and marks of what happened."""
    most = max(values, default=0) or 1
    height, width = TALL - TOP - BOTTOM, WIDTH - LEFT
    step = width / max(len(values), 1)
    shapes = [
        Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            LEFT + step * place, TOP + height - tall, step - 1.5, tall
        )
        for place, value in enumerate(values)
        if value and (tall := max(2.0, height * value / most))
    ]
    for share, text in ((0.0, str(most)), (1.0, "0")):
        y = TOP + height * share
        shapes.append(
            Markup('<line class="axis" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>').format(
                LEFT, y, WIDTH, y
            )
        )
        shapes.append(_text(LEFT - 6, y + 4, "end", text))
    for ago, anchor, text in ((60, "start", "60 min ago"), (30, "middle", "30"), (0, "end", "now")):
        shapes.append(_text(WIDTH - width * ago / 60, TALL - 6, anchor, text))
    for mark in marks:
        x = WIDTH - width * min(mark.ago, 3600) / 3600
        shapes.append(
            Markup(
                '<line class="mark {}" x1="{:.1f}" y1="2" x2="{:.1f}" y2="{}">'
                "<title>{}</title></line>"
            ).format(mark.kind, x, x, TOP + height, mark.words)
        )
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>'
    ).format(WIDTH, TALL, label, Markup("").join(shapes))


def _text(x: float, y: float, anchor: str, words: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, words
    )
