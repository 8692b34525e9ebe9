"""OpenSearch's bulk API, as far as fluent-bit, Vector and the OpenSearch clients need it.

A body is NDJSON: a line with an action, then a line with a document. Of the actions `index` and
`create` a document is a record; the platform's agent sends `@timestamp`, `log`, `do_app_name` and
`do_component_name`. Answers are as OpenSearch gives them: one item for each action, with a status
of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import length_hint
from typing import Any, NamedTuple

import orjson

from exporter.errors import RequestRefused
from exporter.receiving.records import Record, text_of, time_of

VERSION = "2.11.0"
"""The version of OpenSearch that answers name: clients want to know what they talk to."""

HEALTH_LINE = "do-app-exporter green 1 1 0 0 0 0 0 0 - 100.0%\n"
"""What `GET /_cat/health` answers: rsyslog asks it before it tries again."""

DEFAULT_INDEX = "logs"
_WITH_DOCUMENT = frozenset({"index", "create", "update"})
_TEXT_FIELDS = ("log", "message", "body", "msg")
_KNOWN_ACTIONS = 64
_FORBIDDEN_IN_INDEX = frozenset('\\/*?"<>| ,#:')
_MAX_INDEX_BYTES = 255


class _Refusal(NamedTuple):
    """Why an action is not carried out, by OpenSearch's name for it and in words."""

    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Action:
    """What a line with an action says.

    Args:
        name: what is to be done with the document behind it.
        index: where to, empty for ``delete``, which has no document.
        done: what is answered where its document is taken.
        problem: type and reason of its refusal, whatever its document holds; None for none.
    """

    name: str
    index: str
    id: str
    done: bytes
    problem: _Refusal | None

    def refused(self, refusal: _Refusal) -> bytes:
        """What is answered where its document is not taken."""
        error = {"type": refusal.type, "reason": refusal.reason}
        return _answered(self.name, self.index, self.id, {"status": 400, "error": error})


@dataclass(frozen=True, slots=True)
class Bulk:
    """One bulk request: its records, and what is answered to each of its actions."""

    records: tuple[Record, ...]
    items: tuple[bytes, ...]

    @property
    def refused(self) -> int:
        """How many of the actions are not carried out."""
        return len(self.items) - len(self.records)

    def answer(self, took_ms: int) -> bytes:
        """The body of the answer, once the records are counted."""
        head = orjson.dumps({"took": took_ms, "errors": self.refused > 0})
        return b'%s,"items":[%s]}' % (head[:-1], b",".join(self.items))


def parse_bulk(body: bytes, index: str) -> Bulk:
    """The actions of a body.

    Args:
        index: the one that the request's path names; empty where it names none.

    Raises:
        RequestRefused: the body is no bulk request; nothing of it is taken.
    """
    records: list[Record] = []
    items: list[bytes] = []
    lines = body.split(b"\n")
    rest = iter(lines)
    known: dict[bytes, _Action] = {}  # agents write one action before each document
    for line in rest:
        action = known.get(line)
        if action is None:
            if not line.strip():
                continue
            action = _action(line, len(lines) - length_hint(rest), index)
            if len(known) < _KNOWN_ACTIONS:
                known[line] = action
        left = length_hint(rest)
        document = next(rest, b"") if action.name in _WITH_DOCUMENT else b"{}"
        if not document.strip():
            number = len(lines) - left
            raise _malformed(f"the action in line {number} has no document behind it")
        result = action.problem or _record(document)
        if isinstance(result, Record):
            records.append(result)
            items.append(action.done)
        else:
            items.append(action.refused(result))
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


def _action(line: bytes, number: int, default_index: str) -> _Action:
    """Read the line of an action; raises RequestRefused for any other line."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _malformed(f"line {number} should hold an action and is no JSON") from None
    if not isinstance(entry, dict) or len(entry) != 1:
        raise _malformed(f'line {number} should hold one action, such as {{"index":{{}}}}')
    [(name, about)] = entry.items()
    if name not in _WITH_DOCUMENT and name != "delete":
        names = "one of index, create, update, delete"
        raise _malformed(f"line {number} names no action: {names}")
    about = about if isinstance(about, dict) else {}
    index = str(about.get("_index") or default_index or DEFAULT_INDEX)
    id = str(about.get("_id") or "")
    done = _answered(name, index, id, {"_version": 1, "result": "created", "status": 201})
    return _Action(name, index, id, done, _problem(name, index))


def _problem(name: str, index: str) -> _Refusal | None:
    """Why an action is not carried out, whatever its document holds."""
    if name not in ("index", "create"):
        reason = f"{name} is not supported: logs only grow"
        return _Refusal("action_request_validation_exception", reason)
    if problem := index_problem(index):
        reason = f"Invalid index name [{index}], {problem}"
        return _Refusal("invalid_index_name_exception", reason)
    return None


def _record(document: bytes) -> Record | _Refusal:
    """The record in a document, or why there is none."""
    try:
        fields = orjson.loads(document)
    except orjson.JSONDecodeError:
        return _unparsed("failed to parse: the document is no JSON")
    if not isinstance(fields, dict):
        return _unparsed("failed to parse: the document is no JSON object")
    text = fields.get(_TEXT_FIELDS[0])
    if not isinstance(text, str):
        text = next((fields[name] for name in _TEXT_FIELDS if name in fields), None)
        if text is None:
            return _unparsed(f"no line in it: none of {', '.join(_TEXT_FIELDS)}")
        try:
            text = text_of(text)
        except ValueError as error:
            return _unparsed(f"failed to parse: {error}")
    app, component = fields.get("do_app_name"), fields.get("do_component_name")
    return Record(
        app if isinstance(app, str) else "",
        component if isinstance(component, str) else "",
        time_of(fields.get("@timestamp")),
        text,
    )


def _unparsed(reason: str) -> _Refusal:
    return _Refusal("mapper_parsing_exception", reason)


def _answered(action: str, index: str, id: str, outcome: Mapping[str, Any]) -> bytes:
    return orjson.dumps({action: {"_index": index, "_id": id or "_na_", **outcome}})


def _malformed(reason: str) -> RequestRefused:
    return RequestRefused("invalid_body", f"malformed bulk request: {reason}", 400)
