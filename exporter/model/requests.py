"""Requests to the API."""

from collections.abc import Mapping
from enum import StrEnum


class Endpoint(StrEnum):
    """What a request asks for: the value of the label ``endpoint``, never a URL."""

    APPS = "apps"
    DEPLOYMENTS = "deployments"
    LOGS = "logs"
    LOG_CONTENT = "log_content"
    INSTANCES = "instances"
    HEALTH = "health"
    RESTART_COUNT = "restart_count"
    JOB_INVOCATIONS = "job_invocations"
    EVENTS = "events"
    BANDWIDTH = "bandwidth"

    @property
    def scope(self) -> str | None:
        """The scope that a token needs for it; None where no token is sent."""
        if self is Endpoint.LOG_CONTENT:
            return None
        return "monitoring:read" if self is Endpoint.RESTART_COUNT else "app:read"


Params = Mapping[str, str | int]
"""Query parameters of an API request."""
