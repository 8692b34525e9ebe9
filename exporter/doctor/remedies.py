"""What an error of the API says of connection, token and scope, and what helps against it."""

from collections.abc import Iterator

from exporter.doctor.verdicts import Check, failed, ok
from exporter.errors import (
    ApiError,
    ConnectionFailed,
    Forbidden,
    InvalidResponse,
    NotFound,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    UnexpectedStatus,
)
from exporter.model import Endpoint

APP_SCOPE = "app:read"
PROXY_ASKS = 407


def refused(error: ApiError) -> Iterator[Check]:
    """Yield what a list of apps that could not be read says of connection, token and scope."""
    if isinstance(error, TooManyRequests):
        yield ok("api", "answers")
        yield failed("rate limit", error.detail, remedy(error))
    elif isinstance(error, Unauthorized):
        yield ok("api", "answers")
        yield failed("token", error.detail, remedy(error))
    elif isinstance(error, Forbidden):
        yield ok("api", "answers")
        yield ok("token", "accepted")
        detail = f"403: the token does not have the scope {APP_SCOPE}"
        yield failed(f"scope {APP_SCOPE}", detail, f"give the token the scope {APP_SCOPE}")
    elif isinstance(error, NotFound) or _redirects(error):
        words = "check digitalocean.api_url: what answers there is not the API"
        yield failed("api", error.detail, words)
    else:
        yield failed("api", error.detail, remedy(error))


def remedy(error: ApiError) -> str:
    """Return what helps against an error."""
    if isinstance(error, Forbidden | Unauthorized) and error.endpoint is Endpoint.LOG_CONTENT:
        return "the host of the logs refused the address; a proxy may stand in between"
    if isinstance(error, Forbidden):
        return f"give the token the scope {error.endpoint.scope}"
    if isinstance(error, Unauthorized):
        return "put a valid token into DIGITALOCEAN_TOKEN or digitalocean.token_file"
    if isinstance(error, ConnectionFailed):
        return (
            "check digitalocean.api_url, DNS, the proxy (HTTPS_PROXY) and, for a private "
            "endpoint, digitalocean.ca_file"
        )
    if isinstance(error, RequestTimeout):
        return "check the connection and the proxy, or raise logs.timeout"
    if isinstance(error, TooManyRequests):
        return "wait, and let other tools that use the token send fewer requests"
    if isinstance(error, InvalidResponse):
        return "check that digitalocean.api_url is the API; otherwise send us the report"
    if isinstance(error, NotFound):
        return "it may have been deleted meanwhile: run doctor again"
    if isinstance(error, UnexpectedStatus) and error.status == PROXY_ASKS:
        return "give the proxy its user and password (HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT)"
    return "try again later; see status.digitalocean.com"


def _redirects(error: ApiError) -> bool:
    return isinstance(error, UnexpectedStatus) and 300 <= error.status < 400
