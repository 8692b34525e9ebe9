"""The configuration file as frozen values, with every default and what each key means.

``load`` fills these from YAML and ``reference`` writes the documentation from them. They are built
from checked data only: what concerns several keys at once is checked in ``checks``.
"""

from typing import Annotated

from exporter.config.accounts import Account, DigitalOcean
from exporter.config.fields import (
    ItemsOrNone,
    Section,
    SectionOrNone,
)
from exporter.config.reading import ApiBudget, Collectors, Discovery, Logs, Patterns
from exporter.config.serving import Notify, Receive, Replicas, State, Web


class Config(Section):
    """The whole configuration file; every key may be left out."""

    digitalocean: Annotated[DigitalOcean, SectionOrNone] = DigitalOcean.model_construct()
    accounts: ItemsOrNone[Account] = ()
    discovery: Annotated[Discovery, SectionOrNone] = Discovery.model_construct()
    logs: Annotated[Logs, SectionOrNone] = Logs.model_construct()
    patterns: Annotated[Patterns, SectionOrNone] = Patterns.model_construct()
    collectors: Annotated[Collectors, SectionOrNone] = Collectors.model_construct()
    api_budget: Annotated[ApiBudget, SectionOrNone] = ApiBudget.model_construct()
    state: Annotated[State, SectionOrNone] = State.model_construct()
    web: Annotated[Web, SectionOrNone] = Web.model_construct()
    receive: Annotated[Receive, SectionOrNone] = Receive.model_construct()
    replicas: Annotated[Replicas, SectionOrNone] = Replicas.model_construct()
    notify: Annotated[Notify, SectionOrNone] = Notify.model_construct()
