"""The kinds of value that the configuration is made of, each with its checks and wording.

``schema`` and ``rules`` build their models from these; ``reference`` names them by their ``Kind``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import re2
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, Strict

from exporter.config.addresses import (
    ListenAddress,
    parse_api_url,
    parse_listen_address,
    parse_webhook_url,
)
from exporter.config.durations import parse_duration
from exporter.config.findings import refusal, shown

OTHER_ENDPOINTS = ("/", "/-/healthy", "/-/ready", "/-/reload")
"""The paths that are taken, so the metrics cannot be served there."""

_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the reference calls the values of a field."""

    name: str


class Section(BaseModel):
    """A mapping of the configuration: frozen, and no key but its own."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        # What a section validates with is built once it is asked to: within the whole file's.
        defer_build=True,
    )


def _empty_mapping(value: object) -> object:
    return {} if value is None else value


def _empty_list(value: object) -> object:
    return [] if value is None else value


def _duration(value: object) -> object:
    remedy = "write a duration such as 60s, 5m or 1h30m"
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        problem = "has no unit" if number else "is not a duration"
        raise refusal(f"{shown(value)} {problem}", remedy)
    try:
        return parse_duration(value)
    except ValueError as error:
        too_long = str(error).endswith("100y")
        problem = "is longer than 100y" if too_long else "is not a duration"
        raise refusal(f"{shown(value)} {problem}", remedy) from None


def _glob(value: str) -> str:
    if value.count("/") > 1:
        remedy = "write a pattern for app or app/component"
        raise refusal(f"{shown(value)} holds more than one /", remedy)
    return value


def _identifier(value: str) -> str:
    if _IDENTIFIER.fullmatch(value) is None:
        remedy = "use letters, digits and _, with no digit first"
        raise refusal(f"{shown(value)} is not a name", remedy)
    return value


class CompiledRegex(Protocol):
    """What the checks use of a compiled pattern; ``re2`` has no types of its own."""

    def search(self, text: str) -> object | None:
        """The first match, or None."""


def compile_regex(pattern: str) -> CompiledRegex:
    """The compiled pattern; what is no RE2 syntax is a ``refusal`` with RE2's own reason."""
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: CompiledRegex = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        problem = f"{shown(pattern)} is not a regular expression of RE2 ({text[:100]!r})"
        remedy = "see https://github.com/google/re2/wiki/Syntax"
        raise refusal(problem, remedy) from None
    return compiled


def _regex(value: str) -> str:
    compile_regex(value)
    return value


def _listen_address(value: object) -> ListenAddress:
    remedy = "write HOST:PORT, :PORT or [IPV6]:PORT, such as 127.0.0.1:10046"
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not an address with a port", f"{remedy}, in quotes")
    try:
        return parse_listen_address(value)
    except ValueError as error:
        raise refusal(f"{shown(value)} {error}", remedy) from None


def _api_url(value: str) -> str:
    try:
        return parse_api_url(value)
    except ValueError as error:
        remedy = "write scheme and host only, such as https://api.digitalocean.com"
        raise refusal(f"the value {error}", remedy) from None


def _webhook_url(value: str) -> str:
    try:
        return parse_webhook_url(value)
    except ValueError as error:
        remedy = "write an address such as https://hooks.example.com/services/x"
        raise refusal(f"the value {error}", remedy) from None


_STORES = (
    "write sqlite:///PATH, redis://HOST:PORT/DB or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
    "or null for memory"
)


def _state_url(value: str) -> str:
    sqlite = re.fullmatch(r"sqlite:////*[^/](.*[^/])?", value)
    redis = re.fullmatch(r"rediss?://[^/\s]+(/[0-9]*)?", value)
    postgresql = re.fullmatch(r"postgres(ql)?://[^/\s]*/[^/?\s]+(\?\S*)?", value)
    # The value may hold a password, so it is not shown.
    if not sqlite and not redis and not postgresql:
        raise refusal("the value is no URL of a store that is known", _STORES)
    if postgresql and re.search(r"[?&](password|sslpassword)=", value):
        problem = "the value has a password behind the question mark"
        raise refusal(problem, "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return value


def _telemetry_path(value: str) -> str:
    remedy = "write a path such as /metrics"
    if not value.startswith("/"):
        raise refusal(f"{shown(value)} does not begin with /", remedy)
    if value in OTHER_ENDPOINTS or value.startswith("/-/"):
        raise refusal(f"{shown(value)} is an endpoint of another kind", remedy)
    if "//" in value or re.fullmatch(r"[A-Za-z0-9._~/-]+", value) is None:
        raise refusal(f"{shown(value)} is not a plain path", remedy)
    return value


def _environment_name(value: str) -> str:
    if _IDENTIFIER.fullmatch(value) is None or value.startswith(("dop_v1_", "doo_v1_")):
        remedy = "write the variable's name, such as DIGITALOCEAN_TOKEN, not the token"
        raise refusal("the value is not the name of an environment variable", remedy)
    return value


def _refined(check: Callable[[str], object], kind: str) -> tuple[BeforeValidator, Kind]:
    """Metadata of a text that must pass ``check`` once it is known to be a non-empty text."""
    return (BeforeValidator(lambda value: _text_then(value, check)), Kind(kind))


def _text_then(value: object, check: Callable[[str], object]) -> object:
    return check(value) if isinstance(value, str) and value else value


T = TypeVar("T")
Items = Annotated[tuple[T, ...], Field()]
"""A list; None stands for no list at all, so it is refused."""
ItemsOrNone = Annotated[tuple[T, ...], BeforeValidator(_empty_list)]
"""A list whose key may stand with nothing below it."""
SectionOrNone = BeforeValidator(_empty_mapping)
"""A section whose keys are all left out, or commented out, is empty and not wrong."""

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Text = Annotated[str, Strict(), Field(min_length=1)]
DURATION = Kind("duration")
Duration = Annotated[float, BeforeValidator(_duration), DURATION]
Glob = Annotated[Text, *_refined(_glob, "glob")]
Identifier = Annotated[Text, *_refined(_identifier, "name")]
Regex = Annotated[Text, *_refined(_regex, "regular expression (RE2)")]
ApiUrl = Annotated[Text, *_refined(_api_url, "URL")]
WebhookUrl = Annotated[Text, *_refined(_webhook_url, "URL")]
StateUrl = Annotated[Text, *_refined(_state_url, "URL")]
UrlPath = Annotated[Text, *_refined(_telemetry_path, "path")]
EnvironmentName = Annotated[Text, *_refined(_environment_name, "name of a variable")]
FilePath = Annotated[Text, Kind("path of a file")]
Listen = Annotated[ListenAddress, PlainValidator(_listen_address), Kind("address")]
