"""The pages for people: the overview and one for each component, as plain HTML.

They are drawn from a ``StatusSource`` when they are asked for. They work without a script and ask
no other host; a small script asks for them again while somebody looks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter.errors import PrometheusError
from exporter.web.pages.alerts import Alert, Alerts
from exporter.web.pages.charts import bars, chart
from exporter.web.pages.condition import condition
from exporter.web.pages.error_hints import hint
from exporter.web.pages.formatting import age, clock_time, duration, utc, visible, words
from exporter.web.pages.overview import ORDERS, overview
from exporter.web.pages.rows import Row
from exporter.web.pages.status import StatusSource


@dataclass(frozen=True, slots=True)
class About:
    """What the pages say of the exporter itself.

    Args:
        version: its version.
        configuration: what it runs with, as YAML, secrets masked.
        excerpts: whether text of log lines may be shown.
    """

    version: str
    configuration: str = ""
    excerpts: bool = True


class Pages:
    """Draws the pages.

    Args:
        about: returns what they show of the exporter itself.
        links: text and address of each link at the top, relative to the overview.
        clock: Unix seconds.
    """

    def __init__(
        self,
        status: StatusSource,
        about: Callable[[], About],
        links: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._status = status
        self._about = about
        self._links = links
        self._clock = clock
        environment = Environment(
            loader=PackageLoader("exporter.web.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters.update(duration=duration, utc=utc, visible=visible, words=words)
        environment.globals.update(bars=bars, chart=chart, hint=hint, orders=ORDERS)
        # Compiles a template when it is asked for first: many exporters are never looked at.
        self._template = environment.get_template

    def overview(self, query: Mapping[str, str]) -> str:
        """The overview as it stands now, narrowed and sorted by the query of its URL."""
        now = self._clock()
        healthy, illness = self._status.healthy()
        ready, missing = self._status.ready()
        return self._template("overview.html").render(
            self._common(now),
            root=".",
            healthy=healthy,
            illness=illness,
            ready=ready,
            missing=missing,
            overview=overview(self._status.components(), self._status.api_failures(), query, now),
            unsaved=self._status.state_problem(),
            unmatched=self._status.unmatched(),
            budgets=self._status.budgets(),
            replicas=self._status.replicas(),
        )

    def component(self, app: str, component: str, account: str) -> str | None:
        """The page of one component; None if there is no such component."""
        now = self._clock()
        for status in self._status.components():
            if (*status.key.parts, status.account) == (app, component, account):
                row = Row(status, condition(status, now))
                return self._template("component.html").render(
                    self._common(now),
                    root="../..",
                    row=row,
                    unsaved=self._status.state_problem(),
                )
        return None

    def alerts(self, alerts: Alerts) -> str:
        """How the alerts stand, asked now; says so where they cannot be told."""
        standing: Sequence[Alert] = ()
        problem = ""
        try:
            standing = alerts.standing()
        except PrometheusError as error:
            problem = str(error)
        common = self._common(self._clock())
        template = self._template("alerts.html")
        return template.render(common, root=".", alerts=standing, problem=problem)

    def _common(self, now: float) -> dict[str, Any]:
        return {
            "age": partial(age, now=now),
            "clock": partial(clock_time, now=now),
            "now": now,
            "about": self._about(),
            "links": self._links,
        }
