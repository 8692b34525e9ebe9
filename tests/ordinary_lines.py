"""Thousands of lines of programs that are well: those of the corpus, and templates filled in.

The values are the traps: numbers that are status codes elsewhere, words that mean trouble.
"""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

TESTDATA = Path(__file__).parent / "testdata"
PER_TEMPLATE = 12
"""How many times a template is filled in."""

WORDS = (
    "error", "exception", "fatal", "timeout", "panic", "critical", "crash", "failure", "failed",
    "denied", "orders", "alert", "abort",
)  # fmt: skip
VALUES: dict[str, tuple[str, ...]] = {
    "n": ("500", "502", "0", "503", "137", "504", "50", "1", "599", "429", "60", "404", "143"),
    "ms": ("0.5", "500.0", "50.3", "5.02", "503.1", "12", "0"),
    "pct": ("50", "0", "99", "5", "100"),
    "ip": ("10.0.0.1", "10.50.0.5", "127.0.0.1", "192.168.5.50"),
    "port": ("5000", "50324", "60500", "50012"),
    "id": ("0b0e2d36-3e3c-4b5e-9c9e-0f3f2f1b6c11", "deadbeef-5005-4e50-8500-fa11ed0e4404"),
    "path": (
        "/", "/health", "/errors", "/api/error", "/error/500", "/items/503", "/fatal-error.html",
        "/timeout", "/exceptions?level=error", "/api/v1/status/502", "/static/500.html",
        "/docs/connection-refused", "/panic",
    ),
    "word": WORDS,
    "Word": tuple(word.capitalize() for word in WORDS),
    "WORD": tuple(word.upper() for word in WORDS),
}  # fmt: skip
_PLACE = re.compile("«(\\w+)»")


def ordinary_lines() -> list[bytes]:
    """Every line, none twice."""
    corpus = (TESTDATA / "ordinary_lines.log").read_bytes().splitlines()
    templates = (TESTDATA / "ordinary_templates.log").read_text("utf-8").splitlines()
    filled = (
        line.encode()
        for number, template in enumerate(templates)
        if template and not template.startswith("# Lines ") and not _is_heading(template)
        for line in _filled(template, number)
    )
    return list(dict.fromkeys((*corpus, *filled)))


def _is_heading(template: str) -> bool:
    return template.startswith("# ") and "«" not in template and "HELP" not in template


def _filled(template: str, number: int) -> Iterator[str]:
    """The template with each place given other values in turn; the same ones in every run."""
    for turn in range(PER_TEMPLATE):
        places = count()
        yield _PLACE.sub(
            lambda place, turn=turn, places=places: VALUES[place[1]][
                (number + turn + 5 * next(places)) % len(VALUES[place[1]])
            ],
            template,
        )
