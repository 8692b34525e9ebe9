"""The overview: what is broken, then every component, narrowed and sorted as the URL asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from exporter.model import ComponentStatus
from exporter.web.pages.condition import Condition, State, condition

ORDERS: Mapping[str, str] = {
    "state": "State",
    "name": "Name",
    "lines": "Lines",
    "errors": "Errors",
    "crash": "Latest crash",
}
"""The orders that the URL can ask for, and the words for them; the first is the usual one."""

_SEVERITY = {state: place for place, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Row:
    """One component with its condition."""

    status: ComponentStatus
    condition: Condition

    @property
    def name(self) -> str:
        """App and component."""
        return str(self.status)

    @property
    def path(self) -> str:
        """Where its page is, relative to the overview."""
        key, account = self.status.key, self.status.account
        query = f"?{urlencode({'account': account})}" if account else ""
        return f"components/{quote(key.app, safe='')}/{quote(key.component, safe='')}{query}"

    @property
    def last_line(self) -> float | None:
        """The newest line's own time, in Unix seconds."""
        times = [source.last_line for source in self.status.sources if source.last_line]
        return max(times, default=None)

    @property
    def lines(self) -> int:
        """Lines of the last hour."""
        return sum(self.status.minutes.lines)

    @property
    def errors(self) -> int:
        """Error lines of the last hour."""
        return sum(self.status.minutes.errors)


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows.

    Args:
        rows: the components that were asked for, in the order that was asked for.
        broken: those of all components that need a look, the worst first.
        apps: the names of all apps.
        app: the one that rows are narrowed to; empty for all.
        order: one of ``ORDERS``.
    """

    rows: tuple[Row, ...]
    broken: tuple[Row, ...]
    apps: tuple[str, ...]
    app: str
    order: str

    def link(self, order: str) -> str:
        """The query that shows the same components in another order."""
        query = {"app": self.app} if self.app else {}
        return f"?{urlencode({**query, 'sort': order})}"


def overview(
    components: Sequence[ComponentStatus], query: Mapping[str, str], now: float
) -> Overview:
    """What to show of some components.

    Args:
        query: ``app`` narrows to one app, ``sort`` is one of ``ORDERS``; others are passed over.
        now: Unix seconds.
    """
    rows = [Row(status, condition(status, now)) for status in components]
    app = query.get("app", "")
    order = query.get("sort", "")
    if order not in ORDERS:
        order = next(iter(ORDERS))
    wanted = [row for row in rows if not app or row.status.key.app == app]
    broken = [row for row in rows if row.condition.reasons]
    return Overview(
        rows=tuple(sorted(wanted, key=_KEYS[order])),
        broken=tuple(sorted(broken, key=_KEYS["state"])),
        apps=tuple(sorted({status.key.app for status in components})),
        app=app,
        order=order,
    )


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
