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


Params = Mapping[str, str | int]
"""Query parameters of an API request."""
