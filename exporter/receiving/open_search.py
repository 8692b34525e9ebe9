"""OpenSearch's bulk API, as far as fluent-bit, Vector and the OpenSearch clients need it.

A body is NDJSON: a line with an action, then a line with a document. Of the actions `index` and
`create` a document is a record; the platform's agent sends `@timestamp`, `log`, `do_app_name` and
`do_component_name`. Answers are as OpenSearch gives them: one item for each action, with a status
of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from exporter.errors import RequestRefused
from exporter.receiving.records import Record, time_of

VERSION = "2.11.0"
"""The version of OpenSearch that answers name: clients want to know what they talk to."""

DEFAULT_INDEX = "logs"
_WITH_DOCUMENT = frozenset({"index", "create", "update"})
_TEXT_FIELDS = ("log", "message", "body", "msg")
_FORBIDDEN_IN_INDEX = frozenset('\\/*?"<>| ,#:')
_MAX_INDEX_BYTES = 255
_SHORT_ACTION_BYTES = 200


@dataclass(frozen=True, slots=True)
class _Item:
    """What is answered to one action; ``reason`` is empty where its document is taken."""

    action: str
    index: str
    id: str
    status: int = 201
    type: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bulk:
    """One bulk request: its records, and what to answer to each of its actions."""

    records: tuple[Record, ...]
    items: tuple[_Item, ...]

    @property
    def refused(self) -> int:
        """How many of the actions are not carried out."""
        return len(self.items) - len(self.records)

    def answer(self, took_ms: int) -> bytes:
        """The body of the answer, once the records are counted."""
        items = b",".join(map(_item, self.items))
        head = orjson.dumps({"took": took_ms, "errors": self.refused > 0})
        return b'%s,"items":[%s]}' % (head[:-1], items)


def parse_bulk(body: bytes, index: str) -> Bulk:
    """The actions of a body.

    Args:
        index: the one that the request's path names; empty where it names none.

    Raises:
        RequestRefused: the body is no bulk request; nothing of it is taken.
    """
    records: list[Record] = []
    items: list[_Item] = []
    lines = iter(enumerate(body.split(b"\n"), start=1))
    for number, line in lines:
        if not line.strip():
            continue
        action, about = _action(line, number)
        name, id = str(about.get("_index") or index or DEFAULT_INDEX), str(about.get("_id") or "")
        document = b""
        if action in _WITH_DOCUMENT:
            _, document = next(lines, (0, b""))
            if not document.strip():
                raise _malformed(f"the action in line {number} has no document behind it")
        result = _taken(action, name, document)
        if isinstance(result, Record):
            records.append(result)
            items.append(_Item(action, name, id))
        else:
            items.append(_Item(action, name, id, 400, *result))
    if not items:
        raise _malformed("request body is required")
    return Bulk(tuple(records), tuple(items))


def error_answer(status: int, reason: str, type: str = "parse_exception") -> bytes:
    """The body of an answer to a request of which nothing is taken."""
    cause = {"type": type, "reason": reason}
    return orjson.dumps({"error": {"root_cause": [cause], **cause}, "status": status})


def about_cluster() -> dict[str, Any]:
    """What `GET /` answers to a client that looks whom it talks to."""
    return {
        "name": "do-app-exporter",
        "cluster_name": "do-app-exporter",
        "cluster_uuid": "_na_",
        "version": {
            "distribution": "opensearch",
            "number": VERSION,
            "minimum_wire_compatibility_version": "7.10.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "The OpenSearch Project: https://opensearch.org/",
    }


def about_health() -> dict[str, Any]:
    """What `GET /_cluster/health` answers: Vector asks it before it sends."""
    return {
        "cluster_name": "do-app-exporter",
        "status": "green",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
    }


@lru_cache(maxsize=64)
def index_problem(name: str) -> str:
    """Why OpenSearch would refuse the name of an index; empty where it would not."""
    if name in ("", ".", "..") or name.startswith(("_", "-", "+")):
        return "must not be empty, '.' or '..', nor begin with '_', '-' or '+'"
    if name != name.lower():
        return "must be lower case"
    if not _FORBIDDEN_IN_INDEX.isdisjoint(name) or any(ord(char) < 32 for char in name):
        return 'must not contain any of \\ / * ? " < > | space , # :'
    if len(name.encode(errors="replace")) > _MAX_INDEX_BYTES:
        return f"must not be longer than {_MAX_INDEX_BYTES} bytes"
    return ""


def _action(line: bytes, number: int) -> tuple[str, Mapping[str, Any]]:
    # Agents write one action before each document of a body: most are read once.
    read = _read_action if len(line) <= _SHORT_ACTION_BYTES else _read_action.__wrapped__
    try:
        return read(line)
    except ValueError as error:
        raise _malformed(f"line {number} {error}") from None


@lru_cache(maxsize=64)
def _read_action(line: bytes) -> tuple[str, Mapping[str, Any]]:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ValueError("should hold an action and is no JSON") from None
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError('should hold one action, such as {"index":{}}')
    [(action, about)] = entry.items()
    if action not in _WITH_DOCUMENT and action != "delete":
        raise ValueError("names no action: one of index, create, update, delete")
    return action, about if isinstance(about, dict) else {}


def _taken(action: str, index: str, document: bytes) -> Record | tuple[str, str]:
    """The record of an action, or the type and the reason of its refusal."""
    if action not in ("index", "create"):
        return "action_request_validation_exception", f"{action} is not supported: logs only grow"
    if problem := index_problem(index):
        return "invalid_index_name_exception", f"Invalid index name [{index}], {problem}"
    try:
        fields = orjson.loads(document)
    except orjson.JSONDecodeError:
        return "mapper_parsing_exception", "failed to parse: the document is no JSON"
    if not isinstance(fields, dict):
        return "mapper_parsing_exception", "failed to parse: the document is no JSON object"
    text = next((fields[name] for name in _TEXT_FIELDS if name in fields), None)
    if text is None:
        return "mapper_parsing_exception", f"no line in it: none of {', '.join(_TEXT_FIELDS)}"
    app, component = fields.get("do_app_name"), fields.get("do_component_name")
    return Record(
        app if isinstance(app, str) else "",
        component if isinstance(component, str) else "",
        time_of(fields.get("@timestamp")),
        text if isinstance(text, str) else orjson.dumps(text).decode(),
    )


def _item(item: _Item) -> bytes:
    about: dict[str, Any] = {"_index": item.index, "_id": item.id or "_na_"}
    if item.status == 201:
        about |= {"_version": 1, "result": "created", "status": item.status}
    else:
        error = {"type": item.type, "reason": item.reason}
        about |= {"status": item.status, "error": error}
    return orjson.dumps({item.action: about})


def _malformed(reason: str) -> RequestRefused:
    return RequestRefused("invalid_body", f"malformed bulk request: {reason}", 400)
