"""The overview: how many are how, what is broken, then every component as the URL asks."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from exporter.model import ApiFailure, ComponentStatus
from exporter.web.pages.banners import Banner, banners
from exporter.web.pages.condition import State, condition
from exporter.web.pages.rows import NOTE_SECONDS, Row

ORDERS: Mapping[str, str] = {
    "state": "State",
    "name": "Name",
    "lines": "Lines",
    "errors": "Errors",
    "crash": "Latest crash",
}
"""The orders that the URL can ask for, and the words for them; the first is the usual one."""

COUNTED = (
    State.DOWN,
    State.CRASHING,
    State.FAILED,
    State.ERRORS_UP,
    State.NOISY,
    State.FINE,
    State.BLIND,
)
"""The states that the first line counts, in its order; jobs fail and others wait, where any do."""

_SEVERITY = {state: place for place, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows.

    Args:
        rows: the components that were asked for, in the order that was asked for.
        counts: how many of all are in each state, in the order of the first line.
        banners: why something cannot be seen, one for each cause.
        broken: those of all components that need somebody, the worst first.
        noisy: those that log errors as they always do.
        notes: those that are not broken and had a crash in the last day, the latest first.
        failures: failing requests that no banner explains.
        apps: the names of all apps.
        app: the one that rows are narrowed to; empty for all.
        order: one of ``ORDERS``.
        chosen: whether the URL asks for something.
    """

    rows: tuple[Row, ...]
    counts: tuple[tuple[State, int], ...]
    banners: tuple[Banner, ...]
    broken: tuple[Row, ...]
    noisy: tuple[Row, ...]
    notes: tuple[Row, ...]
    failures: tuple[ApiFailure, ...]
    apps: tuple[str, ...]
    app: str
    order: str
    chosen: bool

    @property
    def hidden(self) -> int:
        """Components that cannot be seen."""
        return dict(self.counts).get(State.BLIND, 0)

    @property
    def title(self) -> str:
        """What is folded: every component, most of which are fine as a rule."""
        number = sum(number for _, number in self.counts)
        components = "component" if number == 1 else f"{number} components"
        return f"All {components}, {dict(self.counts)[State.FINE]} fine"

    def link(self, order: str) -> str:
        """The query that shows the same components in another order."""
        query = {"app": self.app} if self.app else {}
        return f"?{urlencode({**query, 'sort': order})}"


def overview(
    components: Sequence[ComponentStatus],
    failures: Sequence[ApiFailure],
    query: Mapping[str, str],
    now: float,
) -> Overview:
    """What to show of some components.

    Args:
        failures: the errors that requests fail with now.
        query: ``app`` narrows to one app, ``sort`` is one of ``ORDERS``; others are passed over.
        now: Unix seconds.
    """
    rows = [Row(status, condition(status, now)) for status in components]
    app = query.get("app", "")
    order = query.get("sort", "")
    if order not in ORDERS:
        order = next(iter(ORDERS))
    worst_first = sorted(rows, key=_KEYS["state"])
    causes = banners(failures, worst_first)
    explained = {id(failure) for banner in causes for failure in banner.failures}
    past = [row for row in rows if not row.is_broken and now - _latest_crash(row) <= NOTE_SECONDS]
    return Overview(
        rows=tuple(
            sorted((r for r in rows if not app or r.status.key.app == app), key=_KEYS[order])
        ),
        counts=_counts(rows),
        banners=causes,
        broken=tuple(row for row in worst_first if row.is_broken),
        noisy=tuple(row for row in worst_first if row.condition.state is State.NOISY),
        notes=tuple(sorted(past, key=_KEYS["crash"])),
        failures=tuple(failure for failure in failures if id(failure) not in explained),
        apps=tuple(sorted({status.key.app for status in components})),
        app=app,
        order=order,
        chosen=bool(app or query.get("sort")),
    )


def _counts(rows: Sequence[Row]) -> tuple[tuple[State, int], ...]:
    """Every state of the first line; a failed job and one that waits only where there is one."""
    numbers = Counter(row.condition.state for row in rows)
    shown = [state for state in COUNTED if state is not State.FAILED or numbers[state]]
    if numbers[State.WAITING]:
        shown.append(State.WAITING)
    return tuple((state, numbers[state]) for state in shown)


def _latest_crash(row: Row) -> float:
    return max((crash.at for crash in row.status.crashes), default=0.0)


_KEYS: Mapping[str, Callable[[Row], Any]] = {
    "state": lambda row: (
        _SEVERITY[row.condition.state],
        -row.condition.crashes,
        -row.errors,
        row.name,
    ),
    "name": lambda row: row.name,
    "lines": lambda row: (-row.lines, row.name),
    "errors": lambda row: (-row.errors, row.name),
    "crash": lambda row: (-_latest_crash(row), row.name),
}
