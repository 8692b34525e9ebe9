"""The registry as text, in the format and compression that a scrape asks for.

It runs in a worker thread, beside whatever counts at the same time.
"""

import gzip
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted


@dataclass(frozen=True, slots=True)
class Exposition:
    """One answer to a scrape: the body and the headers that describe it."""

    body: bytes
    headers: dict[str, str]


def expose(registry: CollectorRegistry, accept: str, accept_encoding: str) -> Exposition:
    """The registry in OpenMetrics where ``accept`` asks for it, else in the text format.

    Args:
        accept: the header of that name, empty when absent.
        accept_encoding: likewise; the body is gzipped where it names gzip.
    """
    try:
        encoder, content_type = choose_encoder(accept)
    except (TypeError, ValueError):
        # The library compares versions without checking them: `version=x` raises.
        encoder, content_type = choose_encoder("")
    body = encoder(registry)
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    if gzip_accepted(accept_encoding):
        body = gzip.compress(body, compresslevel=6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Exposition(body, headers)
