"""The page for people: the state of every source as plain HTML.

It is drawn from a ``StatusSource`` when it is asked for; it needs no script and no other host.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter.model import SourceStatus
from exporter.web.status import StatusSource

STATES = ("up", "down", "waiting")

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


class StatusPage:
    """Draws the page; ``clock`` gives the time in Unix seconds.

    Args:
        status: who knows how the reading stands.
        version: the exporter's version.
        links: text and address of each link at the top, in order.
        clock: what the times on the page are compared with.
    """

    def __init__(
        self,
        status: StatusSource,
        *,
        version: str,
        links: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._status = status
        self._version = version
        self._links = links
        self._clock = clock
        environment = Environment(
            loader=PackageLoader("exporter.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["duration"] = duration
        environment.filters["utc"] = utc
        self._template = environment.get_template("status.html")

    def html(self) -> str:
        """The whole page as it stands now."""
        sources = sorted(self._status.sources(), key=_place)
        counts: Counter[str] = Counter(source.state for source in sources)
        healthy, illness = self._status.healthy()
        ready, missing = self._status.ready()
        return self._template.render(
            version=self._version,
            links=self._links,
            healthy=healthy,
            illness=illness,
            ready=ready,
            missing=missing,
            sources=sources,
            counts=[(state, counts[state]) for state in STATES],
            age=partial(age, now=self._clock()),
        )


def age(then: float, *, now: float) -> str:
    """How long ago ``then`` was, in words; both in Unix seconds, the future counts as now."""
    return f"{duration(max(0.0, now - then))} ago"


def duration(seconds: float) -> str:
    """A span in its largest unit that fits, rounded down; below a minute in seconds."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.3g} s"


def utc(timestamp: float) -> str:
    """A Unix time in seconds as RFC 3339, for the machine-readable side of a ``<time>``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _place(source: SourceStatus) -> tuple[str, str, str]:
    return source.app, source.component, source.log_type
