"""What stands before the application: headers on every answer, a rate limit, passwords."""

import base64
import binascii
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.config.web_file.load import WebSecurity
from exporter.web.http.passwords import BusyError, Passwords
from exporter.web.http.security import SecurityFile

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Credentials = tuple[str, bytes]
"""A user's name and password."""

_ROUNDING = 1e-6
"""Seconds by which sums of intervals may be off."""


class Guard:
    """Lets requests through to the application as the security in force says.

    Args:
        app: the application.
        security: what is in force.
        open_paths: paths that ask for no password and are never limited.
        clock: seconds that only grow.
        credentials: the user and the password that a request gives.
        refuse: makes the answer to a request that goes no further, from its scope, a status, a
            reason and headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        security: SecurityFile,
        *,
        open_paths: frozenset[str],
        clock: Callable[[], float],
        credentials: Callable[[Scope], Credentials | None] | None = None,
        refuse: Callable[[Scope, int, str, dict[str, str]], Response] | None = None,
    ) -> None:
        self._app = app
        self._credentials = credentials or basic_credentials
        self._refuse = refuse or _refuse
        self._security = security
        self._open_paths = open_paths
        self._passwords = Passwords()
        self._rate = _RateLimiter(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        security = self._security.current()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), security)
            await send(message)

        refusal = None
        if scope["path"] not in self._open_paths:
            refusal = await self._refusal(security, scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    async def _refusal(self, security: WebSecurity, scope: Scope) -> Response | None:
        """The answer to a request that goes no further, None for one that does."""
        if not self._rate.allows(security):
            return self._refuse(scope, 429, "Too Many Requests", {})
        if not security.users:
            return None
        given = self._credentials(scope)
        try:
            if given is not None and await self._passwords.verify(security.users, *given):
                return None
        except BusyError:
            return self._refuse(scope, 503, "Service Unavailable", {"Retry-After": "1"})
        headers = {"WWW-Authenticate": 'Basic realm="do-app-exporter", charset="UTF-8"'}
        return self._refuse(scope, 401, "Unauthorized", headers)


class _RateLimiter:
    """A bucket of ``burst`` requests, refilled with one each ``interval``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent_until = float("-inf")
        """The time that the requests so far have paid for, each with one interval."""

    def allows(self, security: WebSecurity) -> bool:
        """Whether one more request may be answered; it then counts."""
        limit = security.rate_limit
        if not limit.interval:
            return True
        now = self._clock()
        # Idle time is saved up, but no more of it than pays for a burst.
        since = max(self._spent_until, now - limit.burst * limit.interval)
        if since + limit.interval > now + _ROUNDING:
            return False
        self._spent_until = since + limit.interval
        return True


def _add_headers(headers: MutableHeaders, security: WebSecurity) -> None:
    headers.setdefault("Cache-Control", "no-store")
    for name, value in (SECURITY_HEADERS | dict(security.headers)).items():
        if value:
            headers[name] = value


def _refuse(scope: Scope, status: int, reason: str, headers: dict[str, str]) -> Response:
    return PlainTextResponse(f"{reason}\n", status, headers)


def basic_credentials(scope: Scope) -> Credentials | None:
    """User and password of a request's ``Authorization`` header, None where it holds none."""
    scheme, _, encoded = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
