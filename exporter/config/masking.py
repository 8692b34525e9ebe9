"""The configuration in force as a text for people, without what must not be shown."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel

from exporter.config.durations import format_duration
from exporter.config.fields import DURATION
from exporter.config.schema import Config

MASK = "[secret]"


def masked(config: Config) -> str:
    """The whole configuration as YAML, every default in its place, passwords masked.

    Tokens are not in it: it names the files and variables that hold them.
    """
    data = config.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        exclude={"web": {"listen_addresses"}, "receive": {"listen_addresses"}},
    )
    for section, key in _durations():
        data[section][key] = format_duration(data[section][key])
    data["patterns"]["rules"] = _without_empty(data["patterns"]["rules"])
    for section, addresses in (
        ("web", config.web.listen_addresses),
        ("receive", config.receive.listen_addresses),
    ):
        data[section]["listen_addresses"] = list(map(str, addresses))
    # The path of a webhook's address is what lets one post there.
    data["notify"]["webhook_urls"] = list(map(_host_alone, config.notify.webhook_urls))
    if "url" in data["state"]:
        data["state"]["url"] = _without_password(data["state"]["url"])
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _durations() -> Iterator[tuple[str, str]]:
    """Each section and key whose value is a duration."""
    for section, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for key, inner in field.annotation.model_fields.items():
                if DURATION in inner.metadata:
                    yield section, key


def _without_empty(value: object) -> object:
    """Rules without the keys that were left out of them: an empty list is no list of buckets."""
    if isinstance(value, dict):
        pruned = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in ([], {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _host_alone(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{MASK}"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc=f"{MASK}@{parts.netloc.rpartition('@')[2]}").geturl()
