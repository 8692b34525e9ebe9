"""What the program is to run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.config.credentials import TokenSource
from exporter.config.schema import Config


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to run: a configuration, and the token of each account by its name.

    The name of an account is empty where none is configured. ``web_text`` is a web configuration
    that has no file.
    """

    config: Config
    tokens: Mapping[str, TokenSource]
    web_text: str = field(default="", repr=False)
