"""How logs are handed over, where the platform's answers vary, and the links to them."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from exporter.simulator.log_reading import LogRequest

LINKS_KEPT = 10_000
"""How many links work at once; older ones expire."""


class AnswerShape(StrEnum):
    """The two documented answers of the logs paths."""

    SPEC = "spec"
    VALUE = "value"


class ArchiveEncoding(StrEnum):
    """How archives are stored: as text, with ``Content-Encoding: gzip``, or as bare .gz files."""

    PLAIN = "plain"
    CONTENT_ENCODING = "content_encoding"
    GZ_FILE = "gz_file"


class StreamEnd(StrEnum):
    """When a followed stream ends: with the first of its containers, with the last, or never."""

    ANY_CONTAINER = "any_container"
    ALL_CONTAINERS = "all_containers"
    NEVER = "never"


@dataclass(slots=True)
class Delivery:
    """Settings that can be changed at any time.

    Args:
        shape: of the answers of the logs paths.
        websocket_urls: live URLs begin with ``ws`` in place of ``http``.
        frame_chars: how many characters of text a WebSocket frame holds; cuts lines.
        archive_encoding: of archives.
        stream_end: when followed streams end.
        stream_seconds: a followed stream ends after so long, None: it does not.
    """

    shape: AnswerShape = AnswerShape.SPEC
    websocket_urls: bool = False
    frame_chars: int = 4096
    archive_encoding: ArchiveEncoding = ArchiveEncoding.PLAIN
    stream_end: StreamEnd = StreamEnd.ANY_CONTAINER
    stream_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token of a link gives access to; ``app`` is the app's name."""

    request: LogRequest
    app: str
    follow: bool


class LogLinks:
    """Tokens of log URLs: credentials of their own, another one for each request. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._grants: OrderedDict[str, Grant] = OrderedDict()

    def issue(self, grant: Grant) -> str:
        """A new token."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._grants[token] = grant
            if len(self._grants) > LINKS_KEPT:
                self._grants.popitem(last=False)
        return token

    def find(self, token: str) -> Grant | None:
        """What a token gives access to, None if it is unknown or has expired."""
        with self._lock:
            return self._grants.get(token)

    def revoke_all(self) -> None:
        """Let every link expire."""
        with self._lock:
            self._grants.clear()
