"""The addresses that the configuration names: where to listen and which API to ask.

Both are parsed once here into values, so no other part of the program takes them apart again.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LISTEN = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen: an empty ``host`` means every interface, port 0 any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """The host and port of ``HOST:PORT``, ``:PORT`` or ``[IPV6]:PORT``.

    Raises:
        ValueError: the text is none of these; the message says what is wrong with it.
    """
    match = _LISTEN.fullmatch(text)
    if match is None:
        raise ValueError("is not an address with a port")
    port = int(match["port"])
    if port > 65535:
        raise ValueError("has a port above 65535")
    if match["ipv6"] is not None:
        try:
            return ListenAddress(str(ipaddress.IPv6Address(match["ipv6"])), port)
        except ValueError:
            raise ValueError("has no IPv6 address between the brackets") from None
    host = match["host"]
    if host and _HOST.fullmatch(host) is None:
        raise ValueError("has no host name or IPv4 address before the port")
    return ListenAddress(host, port)


def parse_webhook_url(text: str) -> str:
    """The address that a webhook is posted to, with whatever path and query it has.

    Raises:
        ValueError: no http or https URL, or one with a password. The message never shows the URL,
            which may be all that a stranger needs to post there.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("is not an http or https URL")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password")
    if re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("holds white space")
    return text


def parse_api_url(text: str) -> str:
    """The base URL of the API without a trailing slash.

    Raises:
        ValueError: no http or https URL, or one with more than scheme, host, port and a path to
            put before ``/v2``. The message never shows the URL, which may hold a password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http or https URL")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password")
    if "?" in text or "#" in text:
        raise ValueError("holds a query or fragment")
    path = parts.path.rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or "//" in path or port == 0:
        raise ValueError("is not an http or https URL")
    if path.endswith("/v2"):
        raise ValueError("ends in /v2, which every request adds by itself")
    return f"{parts.scheme}://{parts.netloc}{path}"
