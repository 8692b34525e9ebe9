"""Typed access to the JSON of an answer: what is missing is fine, a wrong type is not.

Between the client, which returns JSON objects, and ``apps.py``, which makes model values of them.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from exporter.errors import InvalidResponse
from exporter.model import Endpoint


class Fields:
    """One JSON object of an answer, read by field name; null counts as missing.

    Raises:
        InvalidResponse: naming the field, when its value is of another type than asked for.
    """

    def __init__(self, endpoint: Endpoint, values: dict[str, Any], place: str = "") -> None:
        self._endpoint = endpoint
        self._values = values
        self._place = place

    def text(self, name: str) -> str:
        """A string, empty if missing."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(name, "string")
        return value

    def required(self, name: str) -> str:
        """A string that must be there: without it the object cannot be identified."""
        if not (value := self.text(name)):
            raise self.wrong(name, "string of at least one character")
        return value

    def number(self, name: str) -> float | None:
        """A finite number, None if missing."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "number")
        if not math.isfinite(value):
            raise self.wrong(name, "finite number")
        return value

    def amount(self, name: str) -> float | None:
        """A number, or the text of one as the API writes 64-bit integers; None if missing."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return self.number(name)
        try:
            return float(value)
        except ValueError:
            raise self.wrong(name, "number") from None

    def count(self, name: str) -> int | None:
        """A whole number, None if missing."""
        value = self.number(name)
        if value is None:
            return None
        if value != int(value):
            raise self.wrong(name, "whole number")
        return int(value)

    def flag(self, name: str) -> bool:
        """A truth value, False if missing."""
        value = self._values.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(name, "truth value")
        return value

    def time(self, name: str) -> float | None:
        """An RFC 3339 time as Unix seconds, None if missing."""
        value = self.text(name)
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise self.wrong(name, "RFC 3339 time") from None
        # The API writes UTC; a time without a zone is taken for that too.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def nested(self, name: str) -> "Fields | None":
        """An object, None if missing."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "object")
        return Fields(self._endpoint, value, self._path(name))

    def names(self) -> list[str]:
        """The names of all fields that are not null."""
        return [name for name, value in self._values.items() if value is not None]

    def objects(self, name: str) -> "Iterator[Fields]":
        """The objects of a list, none if it is missing."""
        for index, value in enumerate(self.array(name)):
            place = f"{self._path(name)}[{index}]"
            if not isinstance(value, dict):
                raise InvalidResponse(self._endpoint, f"{place}: not an object")
            yield Fields(self._endpoint, value, place)

    def texts(self, name: str) -> list[str]:
        """The strings of a list, none if it is missing; empty ones are left out."""
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "list of strings")
        return [value for value in values if value]

    def array(self, name: str) -> list[Any]:
        """A list of anything, empty if missing."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, "list")
        return value

    def _path(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def wrong(self, name: str, wanted: str) -> InvalidResponse:
        """The error for a field that is not what ``wanted`` says."""
        return InvalidResponse(self._endpoint, f"{self._path(name)}: not a {wanted}")
