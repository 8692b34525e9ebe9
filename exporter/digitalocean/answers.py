"""What statuses, headers, bodies and broken connections mean: one error of our tree for each.

The only place where foreign exceptions and HTTP statuses become ``ApiError``; shared by the API
client and the reader of logs.
"""

import json
import re
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

from exporter.errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    Forbidden,
    InvalidResponse,
    NotFound,
    RequestTimeout,
    ServerError,
    TooManyRequests,
    Unauthorized,
    UnexpectedStatus,
)
from exporter.model import Endpoint

DEFAULT_PAUSE = 10.0
"""Seconds to pause after a 429 that does not say how long."""

LONGEST_RESET = 60.0
"""Seconds: an hour's budget frees itself request by request, so waiting longer gains nothing."""

LONGEST_RETRY_AFTER = 3600.0
"""Seconds: the API's longest window; more than that would be a mistake."""

_FIELD_LENGTH = 200


def status_error(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes | None, now: float
) -> ApiError:
    """The error that an answer other than a success stands for.

    Args:
        headers: of the answer, to be looked up in any case.
        body: of the API's answer, for its own words; None for another host's, which could quote
            the credentials in its URL.
        now: Unix seconds, for a ``retry-after`` or a reset that is a moment.
    """
    detail = _describe(status, body)
    match status:
        case 400:
            return BadRequest(endpoint, detail, status)
        case 401:
            return Unauthorized(endpoint, detail)
        case 403:
            return Forbidden(endpoint, _with_scope(detail, endpoint))
        case 404:
            return NotFound(endpoint, detail)
        case 429:
            return TooManyRequests(endpoint, detail, retry_after=_pause(headers, now))
        case 500:
            return ServerError(endpoint, detail)
        case _:
            return UnexpectedStatus(endpoint, detail, status)


def number(text: str | None) -> float | None:
    """A header's number of 0 or more, None where it is absent or is none."""
    if text is None or not re.fullmatch(r"\s*\d{1,15}(\.\d{1,9})?\s*", text, re.ASCII):
        return None
    return float(text)


def broken_request(endpoint: Endpoint, error: Exception) -> ApiError:
    """What a request that got no answer failed with, without the URLs that requests quotes."""
    if isinstance(error, requests.Timeout):
        return RequestTimeout(endpoint, "no answer in time")
    return ConnectionFailed(endpoint, cause_of(error))


def broken_read(endpoint: Endpoint, error: Exception) -> ApiError:
    """What the reading of a body failed with."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return RequestTimeout(endpoint, "the answer stopped coming")
    if isinstance(error, urllib3.exceptions.DecodeError):
        return InvalidResponse(endpoint, "a body that is not in the encoding it claims")
    return ConnectionFailed(endpoint, f"the answer broke off: {cause_of(error)}")


def cause_of(error: BaseException) -> str:
    """Why a connection failed, in the system's words: texts of libraries may quote URLs."""
    seen: list[BaseException] = []
    queue: list[BaseException] = [error]
    while queue and len(seen) < 20:
        current = queue.pop(0)
        if current in seen:
            continue
        seen.append(current)
        if isinstance(current, ssl.SSLCertVerificationError):
            return _clean(f"certificate refused: {current.verify_message}")
        if isinstance(current, ssl.SSLError):
            return _clean(f"TLS failed: {current.reason or type(current).__name__}")
        # An exception of requests is an OSError too, and what it holds is no system's text.
        foreign = isinstance(current, requests.RequestException)
        if isinstance(current, OSError) and not foreign and current.errno and current.strerror:
            return _clean(current.strerror)
        queue += [
            link
            for link in (
                *current.args,
                getattr(current, "reason", None),
                current.__cause__,
                current.__context__,
            )
            if isinstance(link, BaseException)
        ]
    return type(seen[-1]).__name__


def _describe(status: int, body: bytes | None) -> str:
    """The status and what the API says of it: ``id``, ``message`` and ``request_id``."""
    if body is None:
        return f"status {status}"
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        kind = "an empty body" if not body.strip() else "a body that is not the API's"
        return f"status {status} with {kind}"
    words = [
        f"{name} {_clean(answer[name])!r}"
        for name in ("id", "message", "request_id")
        if isinstance(answer.get(name), str) and answer[name]
    ]
    return f"status {status}" + (f": {', '.join(words)}" if words else "")


def _with_scope(detail: str, endpoint: Endpoint) -> str:
    """A refusal with the scope that the token probably lacks."""
    if endpoint.scope is None:
        return detail
    return f"{detail}; the token needs the scope {endpoint.scope}"


def _clean(text: str) -> str:
    """``text`` on one line, printable, and not long."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= _FIELD_LENGTH else printable[: _FIELD_LENGTH - 1] + "…"


def _pause(headers: Mapping[str, str], now: float) -> float:
    """Seconds that a 429 asks to wait: ``retry-after``, else the reset, else a default."""
    asked = headers.get("retry-after")
    seconds = number(asked)
    if seconds is None and asked is not None and (moment := _moment(asked)) is not None:
        seconds = moment - now
    if seconds is not None:
        return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
    reset = number(headers.get("ratelimit-reset"))
    if reset is not None and number(headers.get("ratelimit-remaining")) == 0:
        return min(max(reset - now, 0.0), LONGEST_RESET)
    return DEFAULT_PAUSE


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
