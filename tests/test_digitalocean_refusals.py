"""A log that is refused with 400: of a deployment that has ended, of a build, or for a fault."""

from typing import Any

import pytest
import requests_mock
from digitalocean_fixtures import API, Rig

from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.refusals import HAND_OVER_SECONDS
from exporter.errors import DeploymentEnded, UnexpectedStatus
from exporter.model import ComponentKey, LogLocations, LogType, Source

WORDS = (
    "cannot get running logs from deployment old in phase final_cleanup",
    "logs are gone",
    "",
)
OTHER = "tail_lines must be at most 100"


class Listed:
    """A client whose list of apps and whose refusals the test sets."""

    def __init__(self, api: requests_mock.Mocker) -> None:
        self.api = api
        self.rig = Rig()
        self.platform = AppPlatform(self.rig.client, self.rig.time)

    def list_apps(self, active: str | None, under_way: str = "", phase: str = "ACTIVE") -> None:
        app: dict[str, Any] = {"id": "app", "spec": {"name": "shop"}}
        if active is not None:
            app["active_deployment"] = {"id": active, "phase": phase}
        if under_way:
            app["in_progress_deployment"] = {"id": under_way, "phase": "DEPLOYING"}
        self.api.get(f"{API}/v2/apps", json={"apps": [app]})
        self.platform.apps()

    def ask(self, log_type: LogType = LogType.RUN, deployment: str = "old") -> LogLocations:
        source = Source("app", ComponentKey("shop", "web"), log_type)
        return self.platform.log_locations(
            source, deployment, tail_lines=10, pod_connection_timeout="3m"
        )

    def refuse(self, message: str, deployment: str = "old") -> None:
        url = f"{API}/v2/apps/app/deployments/{deployment}/components/web/logs"
        document = {"id": "bad_request", "message": message}
        self.api.get(url, status_code=400, json=document)

    @property
    def failures(self) -> list[object]:
        return [kind for kind in self.rig.observer.kinds if kind not in ("sent", "ok")]


@pytest.fixture
def listed():
    with requests_mock.Mocker() as api:
        world = Listed(api)
        yield world
        world.rig.session.close()


@pytest.mark.parametrize("log_type", [LogType.RUN, LogType.RUN_RESTARTED])
@pytest.mark.parametrize("words", WORDS)
def test_a_deployment_that_is_not_active_any_more_has_ended(listed, words, log_type):
    """Whatever the words: one request, no retry, and no failure is told."""
    listed.list_apps("new")
    listed.refuse(words)
    with pytest.raises(DeploymentEnded):
        listed.ask(log_type)
    assert listed.failures == []
    assert listed.rig.observer.kinds.count("sent") == 2


@pytest.mark.parametrize(("active", "phase"), [(None, "ACTIVE"), ("old", "SUPERSEDED")])
def test_the_phase_tells_as_well(listed, active, phase):
    """An app without an active deployment, and one whose deployment says itself that it is past."""
    listed.list_apps(active, phase=phase)
    listed.refuse("no")
    with pytest.raises(DeploymentEnded):
        listed.ask()
    assert listed.failures == []


def test_a_refusal_before_the_list_shows_why_is_no_failure(listed):
    """Refused first, replaced later: the next list decides, and it says that all is well."""
    listed.list_apps("old")
    listed.refuse("no")
    for _ in range(3):
        with pytest.raises(DeploymentEnded):
            listed.ask()
    listed.list_apps("new")
    with pytest.raises(DeploymentEnded):
        listed.ask()
    assert listed.failures == []


def test_a_refusal_of_the_active_deployment_is_an_error_with_its_words(listed):
    """The list that came after the first refusal shows the deployment as active: a fault."""
    listed.list_apps("old")
    listed.refuse(OTHER)
    with pytest.raises(DeploymentEnded):
        listed.ask()
    listed.list_apps("old")
    with pytest.raises(UnexpectedStatus, match=OTHER):
        listed.ask()
    assert listed.failures == ["unexpected"]


@pytest.mark.parametrize(("under_way", "words"), [("new", "no"), ("", WORDS[0])])
def test_a_slow_hand_over_has_two_minutes(listed, under_way, words):
    """Another deployment under way, or the words, explain a refusal for a while, not for ever."""
    listed.list_apps("old", under_way)
    listed.refuse(words)
    with pytest.raises(DeploymentEnded):
        listed.ask()
    listed.list_apps("old", under_way)
    listed.rig.time.now += HAND_OVER_SECONDS - 1
    with pytest.raises(DeploymentEnded):
        listed.ask()
    listed.rig.time.now += 2
    with pytest.raises(UnexpectedStatus):
        listed.ask()
    assert listed.failures == ["unexpected"]


def test_a_deployment_that_came_back_is_judged_anew(listed):
    """A log that is served in between begins the judgement again."""
    listed.list_apps("old")
    listed.refuse("no")
    with pytest.raises(DeploymentEnded):
        listed.ask()
    url = f"{API}/v2/apps/app/deployments/old/components/web/logs"
    listed.api.get(url, json={"live_url": "https://logs.example.test/?token=1"})
    listed.ask()
    listed.list_apps("old")
    listed.refuse("no")
    with pytest.raises(DeploymentEnded):
        listed.ask()
    assert listed.failures == []


@pytest.mark.parametrize("log_type", [LogType.BUILD, LogType.DEPLOY])
def test_a_refused_log_of_a_build_or_a_deployment_is_no_log(listed, log_type):
    """Also of the active deployment: a build that was reused has none."""
    listed.list_apps("old")
    listed.refuse("the respective state was never reached or skipped")
    assert listed.ask(log_type) == LogLocations()
    assert listed.failures == []
