"""What flags and variables put in the place of the file's configuration."""

from pathlib import Path

import pytest

from exporter.config.addresses import ListenAddress
from exporter.errors import ConfigError
from exporter.options import REVISION_VARIABLE, Options
from exporter.service.configuration import configuration_of

FILE = """
web:
  listen_addresses: ["127.0.0.1:1"]
  telemetry_path: /file
digitalocean: {token_env: SECRET}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "config.yml"
    path.write_text(FILE)
    return str(path)


def options(file: str | None = None, environ: dict[str, str] | None = None, **more: object):
    return Options(config_file=file, environ={"SECRET": "s", **(environ or {})}, **more)


def test_without_anything_the_defaults_stand():
    """No file, no flag, no variable."""
    config = configuration_of(options())
    assert config.web.listen_addresses == (ListenAddress("", 10046),)
    assert config.web.telemetry_path == "/metrics"


def test_flag_wins_over_variable_and_variable_over_file(file: str):
    """Each falls back to the next."""
    environ = {
        "DO_APP_EXPORTER_WEB_TELEMETRY_PATH": "/variable",
        "DO_APP_EXPORTER_WEB_LISTEN_ADDRESS": "127.0.0.1:2,127.0.0.1:3",
    }
    assert configuration_of(options(file)).web.telemetry_path == "/file"
    web = configuration_of(options(file, environ)).web
    assert web.telemetry_path == "/variable"
    assert [address.port for address in web.listen_addresses] == [2, 3]
    flags = options(file, environ, telemetry_path="/flag", listen_addresses=("127.0.0.1:4",))
    web = configuration_of(flags).web
    assert web.telemetry_path == "/flag"
    assert web.listen_addresses == (ListenAddress("127.0.0.1", 4),)


def test_state_can_be_named_in_the_environment(file: str):
    """Its URL may have a password in it, which a file for all to read should not hold."""
    environ = {"DO_APP_EXPORTER_STATE_URL": "redis://:secret@db:6379/0"}
    assert configuration_of(options(file)).state.url is None
    assert configuration_of(options(file, environ)).state.url == "redis://:secret@db:6379/0"
    bad = options(file, {"DO_APP_EXPORTER_STATE_URL": "mysql://:secret@db/0"})
    with pytest.raises(ConfigError) as caught:
        configuration_of(bad)
    (fault,) = caught.value.faults
    assert fault.file == "DO_APP_EXPORTER_STATE_URL"
    assert "secret" not in str(fault)


def test_empty_variable_says_nothing(file: str):
    """A variable set to nothing is one that is not set."""
    environ = {"DO_APP_EXPORTER_WEB_TELEMETRY_PATH": ""}
    assert configuration_of(options(file, environ)).web.telemetry_path == "/file"


@pytest.mark.parametrize(
    ("environ", "flags", "origin"),
    [
        ({"DO_APP_EXPORTER_WEB_LISTEN_ADDRESS": "nowhere"}, {}, "_WEB_LISTEN_ADDRESS"),
        ({}, {"listen_addresses": ("nowhere",)}, "--web.listen-address"),
        ({}, {"telemetry_path": "metrics"}, "--web.telemetry-path"),
    ],
)
def test_fault_names_the_flag_or_variable(
    environ: dict[str, str], flags: dict[str, object], origin: str
):
    """Whoever gave the value can find it."""
    with pytest.raises(ConfigError) as caught:
        configuration_of(options(None, environ, **flags))
    (fault,) = caught.value.faults
    assert fault.file.endswith(origin)


def test_credentials_are_looked_at_only_where_they_are_needed(file: str):
    """A command that asks nothing of the API does not need the token."""
    bare = Options(config_file=file, environ={})
    assert configuration_of(bare, credentials=False).web.telemetry_path == "/file"
    with pytest.raises(ConfigError, match="SECRET"):
        configuration_of(bare)


def test_environment_stays_out_of_sight():
    """The variables hold the token, so no repr shows them."""
    assert "dop_v1_secret" not in repr(options(environ={"DIGITALOCEAN_TOKEN": "dop_v1_secret"}))


def test_revision_is_what_the_image_says():
    """Empty where nothing says it."""
    assert options().revision == ""
    assert options(environ={REVISION_VARIABLE: "abc123"}).revision == "abc123"


def test_replicas_need_a_store_that_they_share(tmp_path):
    """Whether the file or the environment names it; one that a single exporter uses is refused."""
    file = tmp_path / "config.yml"
    for url, good in (
        ("", False),
        ("sqlite:///var/lib/x.db", False),
        ("rediss://db:6379/0", True),
        ("postgresql://db/counts", True),
    ):
        state = f"state: {{url: '{url}'}}\n" if url else ""
        for text, environ in (
            (state, {}),
            ("", {"DO_APP_EXPORTER_STATE_URL": url}),
        ):
            file.write_text(f"replicas: {{enabled: true}}\n{text}")
            given = options(str(file), environ={"DIGITALOCEAN_TOKEN": "x", **environ})
            if good:
                assert configuration_of(given).replicas.enabled
            else:
                with pytest.raises(ConfigError, match=r"replicas\.enabled: .* names none"):
                    configuration_of(given)
