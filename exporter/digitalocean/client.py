"""The API of one account: requests, paging, errors, retries, and what the headers say of the limit.

Every request passes the budget and the observer; ``apps.py`` says what to ask for and
what the answers mean.
"""

import json
import random
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import requests

from exporter.digitalocean.answers import number, status_error
from exporter.digitalocean.budget import PATIENCE, Budget
from exporter.digitalocean.observer import RequestObserver
from exporter.digitalocean.paging import Query, as_query, items, next_query
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.digitalocean.session import prepare_session
from exporter.digitalocean.token import Token
from exporter.digitalocean.transport import (
    BearerAuth,
    Deadline,
    RequestSettings,
    read_body,
    send_request,
)
from exporter.errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    InvalidResponse,
    RequestTimeout,
    ServerError,
    Stopping,
    TooManyRequests,
    Unauthorized,
    UnexpectedStatus,
)
from exporter.model import Endpoint, Params

JsonObject = dict[str, Any]
OnAnswer = Callable[[Endpoint, int, Mapping[str, str], JsonObject | None], None]
T = TypeVar("T")

RETRIES = 2
FIRST_BACKOFF = 0.5
LARGEST_BODY = 64 * 1024 * 1024
MOST_PAGES = 1000

# Of gateways; 520 to 530 are those of Cloudflare, in front of the API.
_GATEWAY_STATUSES = frozenset({502, 503, 504, *range(520, 531)})


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Where the API is, and what opens it.

    Args:
        url: with the scheme; the token goes to this host alone.
        token: asked for its value before each request.
    """

    url: str
    token: Token


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks of a client, and how it waits.

    Args:
        clock: monotonic seconds.
        platform_clock: reads ``retry-after`` and ``ratelimit-reset``; learns the time from answers.
        stop: set at shutdown; waits and retries give up then.
        rng: the jitter between retries.
    """

    clock: Callable[[], float]
    platform_clock: PlatformClock
    stop: threading.Event
    rng: random.Random


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What is asked of the API.

    Args:
        path: of the URL, behind the host.
        target: what the request is about; the observer counts failures by it.
        params: the query.
        body: sent with POST; a query that changes nothing, so it may be sent again.
        urgent: sent before other requests that wait for the budget.
    """

    endpoint: Endpoint
    path: str
    target: Hashable
    params: Params | None = None
    body: JsonObject | None = None
    urgent: bool = False


class Client:
    """Sends requests to the API with the account's token; safe to share between threads.

    Args:
        session: connections and proxies; the token is never kept on it.
        on_answer: called with the endpoint, the status, the headers and the JSON object (None for
            an error) of each answer, as the API sent them.
    """

    def __init__(
        self,
        access: ApiAccess,
        session: requests.Session,
        budget: Budget,
        observer: RequestObserver,
        settings: RequestSettings,
        timing: Timing,
        on_answer: OnAnswer | None = None,
    ) -> None:
        self._api_url = access.url.rstrip("/")
        self._token = access.token
        self._session = session
        self._budget = budget
        self._observer = observer
        self._timeout = settings.timeout
        self._clock = timing.clock
        self._platform_clock = timing.platform_clock
        self._stop = timing.stop
        self._rng = timing.rng
        self._headers = {"Accept": "application/json", "User-Agent": settings.user_agent}
        self._on_answer = on_answer
        prepare_session(session, settings.ca_file)

    def get(
        self,
        request: ApiRequest,
        parse: Callable[[JsonObject], T],
        *,
        is_answer: Callable[[BadRequest], bool] | None = None,
    ) -> T:
        """Send a request and return what ``parse`` makes of the answer's JSON object.

        A request that failed without a server or a connection is sent again, at most twice,
        after a random wait; one that hit the rate limit once, if the pause is short; one with
        status 401 once, if the token's source has another token by now. A fault that ``parse``
        finds counts as a failure of the request. A 400 for which ``is_answer`` is true is no
        failure: it is raised, and the observer counts the request as a success.

        Raises:
            ApiError: the error of the last attempt; InvalidResponse from ``parse``.
            Stopping: at shutdown.
        """
        retries = 0
        paused = refreshed = False
        while True:
            token = self._token.value()
            try:
                return self._attempt(request, parse, token, is_answer)
            except Unauthorized:
                self._token.refresh()
                # Compared by value, since another thread may have read the new one first.
                if refreshed or self._token.value() == token:
                    raise
                refreshed = True
            except TooManyRequests as error:
                if paused or error.retry_after is None or error.retry_after > PATIENCE:
                    raise
                paused = True
            except ApiError as error:
                if retries == RETRIES or not _worth_retrying(error):
                    raise
                retries += 1
                if self._stop.wait(self._rng.uniform(0, FIRST_BACKOFF * 2**retries)):
                    raise Stopping("waiting to retry a request") from None

    def pages(self, request: ApiRequest, key: str, parse: Callable[[JsonObject], T]) -> Iterator[T]:
        """Yield what ``parse`` makes of each object in the list ``key``, on every page.

        Of ``links.pages.next`` only the query is used: whatever host it names, a proxy's or
        another, the token goes to the API. An absent ``key`` is an empty list, as the API has it.
        Every page is urgent: lists decide what else there is to ask for.

        Raises:
            ApiError, Stopping: as ``get``; InvalidResponse when the pages lead in a circle.
        """

        def read(answer: JsonObject) -> list[T]:
            return [parse(item) for item in items(request.endpoint, answer, key)]

        for found in self.answers(replace(request, urgent=True), read):
            yield from found

    def answers(self, request: ApiRequest, parse: Callable[[JsonObject], T]) -> Iterator[T]:
        """Yield what ``parse`` makes of each page of a list; a page is asked for when it is wanted.

        Raises:
            ApiError, Stopping: as ``pages``.
        """
        endpoint = request.endpoint
        seen = {as_query(request.params or {})}

        def read(answer: JsonObject) -> tuple[T, Query | None]:
            found, following = parse(answer), next_query(endpoint, answer)
            if following is not None and (following in seen or len(seen) == MOST_PAGES):
                raise InvalidResponse(endpoint, "links.pages.next leads in a circle")
            return found, following

        while True:
            found, following = self.get(request, read)
            yield found
            if following is None:
                return
            seen.add(following)
            request = replace(request, params=dict(following))

    def _attempt(
        self,
        request: ApiRequest,
        parse: Callable[[JsonObject], T],
        token: str,
        is_answer: Callable[[BadRequest], bool] | None,
    ) -> T:
        """Send one request and report its outcome to the observer."""
        endpoint, target = request.endpoint, request.target
        waited = self._budget.acquire(endpoint, urgent=request.urgent)
        if waited > 0:
            self._observer.throttled(waited)
        started = self._clock()
        try:
            self._observer.sent(endpoint)
            result = parse(self._exchange(request, token))
        except ApiError as error:
            if isinstance(error, TooManyRequests) and error.retry_after is not None:
                self._budget.pause_until(self._clock() + error.retry_after)
            if isinstance(error, BadRequest) and is_answer is not None and is_answer(error):
                self._observer.succeeded(endpoint, target, self._clock() - started)
            else:
                self._observer.failed(endpoint, target, error, self._clock() - started)
            raise
        finally:
            self._budget.answered()
        self._observer.succeeded(endpoint, target, self._clock() - started)
        return result

    def _exchange(self, request: ApiRequest, token: str) -> JsonObject:
        """Send one request and return the JSON object of its answer."""
        endpoint = request.endpoint
        began = self._clock()
        deadline = Deadline(began + self._timeout, self._clock)
        response = send_request(
            self._session,
            endpoint,
            requests.Request(
                "GET" if request.body is None else "POST",
                self._api_url + request.path,
                headers=self._headers,
                params={name: str(value) for name, value in (request.params or {}).items()},
                json=request.body,
                auth=BearerAuth(token),
            ),
            deadline,
        )
        self._platform_clock.note(response.headers, began)
        self._tell_rate_limit(response)
        body = bytearray()
        for piece in read_body(response, endpoint, deadline, self._stop, decode=True):
            body += piece
            if len(body) > LARGEST_BODY:
                response.close()
                raise InvalidResponse(endpoint, f"an answer of more than {LARGEST_BODY} bytes")
        if response.status_code != requests.codes.ok:
            # A proxy or an API that quotes the request must not bring the token into a message.
            words = bytes(body).replace(token.encode(), b"[token]")
            now = self._platform_clock()
            self._show(endpoint, response, None)
            raise status_error(endpoint, response.status_code, response.headers, words, now)
        answer = _json_object(endpoint, bytes(body))
        self._show(endpoint, response, answer)
        return answer

    def _show(
        self, endpoint: Endpoint, response: requests.Response, answer: JsonObject | None
    ) -> None:
        if self._on_answer is not None:
            self._on_answer(endpoint, response.status_code, response.headers, answer)

    def _tell_rate_limit(self, response: requests.Response) -> None:
        limit, remaining, reset = (
            number(response.headers.get(f"ratelimit-{name}"))
            for name in ("limit", "remaining", "reset")
        )
        if not limit is remaining is reset is None:
            reset_in = None if reset is None else reset - self._platform_clock()
            self._budget.told(limit, remaining, reset_in)
            self._observer.rate_limited(limit, remaining, reset)


def _worth_retrying(error: ApiError) -> bool:
    if isinstance(error, UnexpectedStatus):
        return error.status in _GATEWAY_STATUSES
    return isinstance(error, ServerError | RequestTimeout | ConnectionFailed)


def _json_object(endpoint: Endpoint, body: bytes) -> JsonObject:
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        kind = "HTML" if body.lstrip()[:1] == b"<" else "no JSON" if body.strip() else "empty"
        raise InvalidResponse(endpoint, f"status 200 with a body that is {kind}") from None
    if not isinstance(answer, dict):
        raise InvalidResponse(endpoint, "status 200 with JSON that is no object")
    return answer
