"""Small charts as inline SVG: one bar for each minute of the last hour."""

from collections.abc import Sequence

from markupsafe import Markup

BAR = 2
HEIGHT = 24


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
        '<svg class="chart" role="img" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(width, HEIGHT, label, shapes)
