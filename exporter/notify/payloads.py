"""What is sent of an event: an alert for Alertmanager's API, and a document for webhooks."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from exporter.model import Notification, NotifyEvent

MAX_LINES = 15
MAX_LINE_CHARS = 500
MAX_TEXT_CHARS = 4000

ALERT_SECONDS = 900.0
"""How long an alert lasts after its latest event, unless another one renews it."""

ALERT_NAMES = {
    NotifyEvent.CRASH: "DoAppCrashed",
    NotifyEvent.NEW_ERROR_GROUP: "DoAppErrorNeverSeen",
    NotifyEvent.DEPLOYMENT_FAILED: "DoAppDeploymentNotDone",
    NotifyEvent.JOB_FAILED: "DoAppJobNotDone",
}
"""Other names than those of Prometheus' rules, so that each can mute the other's."""
_SEVERITIES = {
    NotifyEvent.CRASH: "warning",
    NotifyEvent.NEW_ERROR_GROUP: "info",
    NotifyEvent.DEPLOYMENT_FAILED: "warning",
    NotifyEvent.JOB_FAILED: "warning",
}
_SUMMARIES = {
    NotifyEvent.CRASH: "A container of {name} ended: {reason}",
    NotifyEvent.NEW_ERROR_GROUP: "{name} logs an error that was never seen before",
    NotifyEvent.DEPLOYMENT_FAILED: "A deployment of {name} failed: {reason}",
    NotifyEvent.JOB_FAILED: "The job {name} failed: {reason}",
}


@dataclass(frozen=True, slots=True)
class Payloads:
    """Makes what is sent.

    Args:
        external_url: the address of the exporter's pages as people reach them, without a slash at
            its end; empty where it is not known.
    """

    external_url: str = ""

    def alert(self, event: Notification, now: float) -> dict[str, Any]:
        """An alert for ``POST /api/v2/alerts``; ``now``: Unix seconds.

        Its labels are few, so that events of one kind are one alert, which each of them renews.
        """
        labels = {"alertname": ALERT_NAMES[event.event], "kind": event.event, **_identity(event)}
        annotations = {"summary": summary(event), "description": self._description(event)}
        if event.lines:
            annotations["lines"] = "\n".join(bounded(event.lines))
        link = self.link(event)
        alert = {
            "labels": {**labels, "severity": _SEVERITIES[event.event]},
            "annotations": annotations | ({"page": link} if link else {}),
            "startsAt": _time(event.at),
            "endsAt": _time(now + ALERT_SECONDS),
        }
        return alert | ({"generatorURL": link} if link else {})

    def document(self, event: Notification) -> dict[str, Any]:
        """The JSON document that webhooks are sent."""
        return {
            "version": "1",
            "event": event.event,
            "severity": _SEVERITIES[event.event],
            "account": event.account or None,
            "app": event.app,
            "component": event.component or None,
            "reason": event.reason,
            "exit_code": event.exit_code,
            "at": _time(event.at),
            "deployment_age_seconds": event.deployment_age,
            "summary": summary(event),
            "lines": list(bounded(event.lines)),
            "url": self.link(event) or None,
        }

    def link(self, event: Notification) -> str:
        """The page of the event's component, or the first page; empty without ``external_url``."""
        if not self.external_url:
            return ""
        if not event.component:
            return f"{self.external_url}/"
        path = f"/components/{quote(event.app, safe='')}/{quote(event.component, safe='')}"
        query = f"?{urlencode({'account': event.account})}" if event.account else ""
        return f"{self.external_url}{path}{query}"

    def _description(self, event: Notification) -> str:
        parts = [f"{summary(event)}."]
        if event.exit_code is not None:
            parts.append(f"Exit code {event.exit_code}.")
        if event.deployment_age is not None and event.deployment_age >= 0:
            parts.append(f"The active deployment was {_duration(event.deployment_age)} old.")
        return " ".join(parts)


def summary(event: Notification) -> str:
    """One sentence about an event, without a full stop."""
    name = f"{event.app}/{event.component}" if event.component else event.app
    return _SUMMARIES[event.event].format(name=name, reason=event.reason.replace("_", " "))


def bounded(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The last of some lines, cut so that they stay within what a receiver takes."""
    kept: list[str] = []
    left = MAX_TEXT_CHARS
    for line in reversed(lines[-MAX_LINES:]):
        cut = line if len(line) <= MAX_LINE_CHARS else f"{line[: MAX_LINE_CHARS - 1]}…"
        left -= len(cut) + 1
        if left < 0:
            break
        kept.append(cut)
    return tuple(reversed(kept))


def _identity(event: Notification) -> dict[str, str]:
    labels = {
        "account": event.account,
        "app": event.app,
        "component": event.component,
        "reason": event.reason,
    }
    return {name: value for name, value in labels.items() if value}


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
