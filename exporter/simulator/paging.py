"""The API's paging: ``page``, ``per_page``, ``links.pages`` and ``meta.total``."""

from typing import Any

from starlette.requests import Request

DEFAULT_PER_PAGE = 20
MAX_PER_PAGE = 200


class BadRequestError(ValueError):
    """A parameter is missing or not what it should be."""


def paged(request: Request, key: str, everything: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list; ``key`` is absent when there is nothing at all.

    Raises:
        BadRequestError: ``page`` or ``per_page`` is out of range.
    """
    page = _number(request, "page", 1, 1_000_000)
    per_page = _number(request, "per_page", DEFAULT_PER_PAGE, MAX_PER_PAGE)
    last = max(1, -(-len(everything) // per_page))
    pages: dict[str, str] = {}
    if page > 1:
        pages |= {"first": _url(request, 1), "prev": _url(request, page - 1)}
    if page < last:
        pages |= {"next": _url(request, page + 1), "last": _url(request, last)}
    document: dict[str, Any] = {
        "links": {"pages": pages} if pages else {},
        "meta": {"total": len(everything)},
    }
    if everything:
        document[key] = everything[(page - 1) * per_page : page * per_page]
    return document


def _url(request: Request, page: int) -> str:
    return str(request.url.include_query_params(page=page))


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise BadRequestError(f"{name} must be a number from 1 to {maximum}")
    return int(text)
