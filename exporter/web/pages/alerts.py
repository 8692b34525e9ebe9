"""How the project's alerts stand in a Prometheus, asked when somebody looks.

The rules are evaluated there and nowhere else; this page only saves the way to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from exporter.errors import PrometheusError

NAMES = "DoApp"
"""How the name of every alert of the project begins."""

TIMEOUT_SECONDS = 5.0
STATES = ("firing", "pending", "inactive", "unknown")
"""As Prometheus has them, what needs a look first."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert rule: its state, and what each of its alerts says that is not inactive."""

    name: str
    state: str
    summaries: tuple[str, ...] = ()
    runbook_url: str = ""


class Alerts:
    """Asks one Prometheus.

    Args:
        url: its scheme and host.
        session: for connections; must carry no credential.
    """

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def standing(self) -> Sequence[Alert]:
        """Every alert of the project, those that fire first.

        Raises:
            PrometheusError: it does not answer, or not as a Prometheus does.
        """
        host = urlsplit(self._url).netloc
        try:
            answer = self._session.get(
                f"{self._url}/api/v1/rules", params={"type": "alert"}, timeout=TIMEOUT_SECONDS
            )
            answer.raise_for_status()
            groups = answer.json()["data"]["groups"]
            found = [_alert(rule) for group in groups for rule in group["rules"]]
        except requests.HTTPError as error:
            status = error.response.status_code
            raise PrometheusError(f"{host} answers with status {status}") from None
        except requests.ConnectionError:
            raise PrometheusError(f"no connection to {host}") from None
        except requests.Timeout:
            raise PrometheusError(f"{host} does not answer in time") from None
        except (requests.RequestException, ValueError, KeyError, TypeError):
            raise PrometheusError(f"{host} does not answer as a Prometheus does") from None
        ours = [alert for alert in found if alert.name.startswith(NAMES)]
        return sorted(ours, key=lambda alert: (STATES.index(alert.state), alert.name))


def _alert(rule: dict[str, Any]) -> Alert:
    active = rule.get("alerts") or ()
    annotations = rule.get("annotations") or {}
    state = str(rule.get("state", "unknown"))
    return Alert(
        name=str(rule["name"]),
        state=state if state in STATES else "unknown",
        summaries=tuple(str(alert["annotations"].get("summary", "")) for alert in active),
        runbook_url=str(annotations.get("runbook_url", "")),
    )
