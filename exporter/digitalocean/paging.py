"""How an answer is one page of a list, and where the next page is.

Used by the client alone; ``links.pages.next`` is absent on the last page.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from exporter.errors import InvalidResponse
from exporter.model import Endpoint, Params

Query = frozenset[tuple[str, str]]
"""The parameters of a page: what tells it from other pages of the same list."""


def items(endpoint: Endpoint, answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in the list ``key``; the API leaves an empty list out."""
    items = answer.get(key)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidResponse(endpoint, f"{key}: not a list of objects")
    return items


def next_query(endpoint: Endpoint, answer: dict[str, Any]) -> Query | None:
    """The query of ``links.pages.next``, None on the last page."""
    place: Any = answer
    for name in ("links", "pages", "next"):
        if not isinstance(place, dict):
            raise InvalidResponse(endpoint, f"links.pages.next: no object above {name!r}")
        place = place.get(name)
        if place is None or place == "":
            return None
    if not isinstance(place, str):
        raise InvalidResponse(endpoint, "links.pages.next: not a string")
    try:
        return frozenset(parse_qsl(urlsplit(place).query))
    except ValueError:
        raise InvalidResponse(endpoint, "links.pages.next: not a URL") from None


def as_query(params: Params) -> Query:
    """The query that ``params`` stand for, to compare with what ``next_query`` finds."""
    return frozenset((name, str(value)) for name, value in params.items())
