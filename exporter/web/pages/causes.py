"""What two problems have in common that have one cause: the API puts an id into each answer."""

import re

_REQUEST_ID = re.compile(r", request_id '[^']*'")
_VARYING = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d+ s of it are left")


def without_request(problem: str) -> str:
    """A problem as it concerns everybody: without the id of the request that met it."""
    return _REQUEST_ID.sub("", problem)


def cause(problem: str) -> str:
    """What is the same in every problem of one cause: ids and waits left out."""
    return _VARYING.sub("", without_request(problem))


def distinct(problems: list[str]) -> tuple[str, ...]:
    """The first problem of each cause, in order."""
    first: dict[str, str] = {}
    for problem in problems:
        first.setdefault(cause(problem), problem)
    return tuple(first.values())
