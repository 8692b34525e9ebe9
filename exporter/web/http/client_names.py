"""Whether a client's certificate holds a name that is allowed in."""

import asyncio
import ipaddress
from collections.abc import Set


def certificate_allowed(transport: asyncio.Transport, allowed: Set[str]) -> bool:
    """Whether the client is admitted.

    Args:
        transport: after its handshake.
        allowed: names as ``client_allowed_sans`` writes them; if none, every client may.
    """
    if not allowed:
        return True
    certificate = transport.get_extra_info("peercert") or {}
    names = certificate.get("subjectAltName", ())
    return any(_text(kind, value) in allowed for kind, value in names)


def _text(kind: str, value: str) -> str:
    """A name of a certificate as Go writes it; ``kind`` is Python's word for what it is."""
    if kind not in ("DNS", "email", "URI", "IP Address"):
        return ""
    try:
        return str(ipaddress.ip_address(value.strip())) if kind == "IP Address" else value
    except ValueError:
        return ""
