"""What flags and environment variables say, as one value for every command."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.config.flags import CONFIG_VARIABLE, WEB_CONFIG_VARIABLE

REVISION_VARIABLE = "DO_APP_EXPORTER_REVISION"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of all commands; each uses its own. None and False where nothing was given."""

    command: str = "run"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    log_level: str = "info"
    log_format: str = "logfmt"
    config_file: str | None = None
    listen_addresses: tuple[str, ...] = ()
    web_config_file: str | None = None
    telemetry_path: str | None = None
    enable_lifecycle: bool = False
    format: str = "table"
    show: bool = False
    explain: str | None = None
    unmatched: bool = False
    limit: int = 20
    files: tuple[str, ...] = ()
    listen_address: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    push_to: str | None = None
    url: str | None = None
    app: str | None = None
    check: bool = False
    syntax_only: bool = False
    components: int | None = None
    apps: int | None = None
    report: str | None = None
    rate: str | None = None
    crash_every: str | None = None

    @property
    def config_text(self) -> str:
        """The configuration in the environment; empty where there is none."""
        return self.environ.get(CONFIG_VARIABLE, "")

    @property
    def web_config_text(self) -> str:
        """The web configuration in the environment; empty where there is none."""
        return self.environ.get(WEB_CONFIG_VARIABLE, "")

    @property
    def config_name(self) -> str:
        """What messages call the configuration."""
        return self.config_file or (CONFIG_VARIABLE if self.config_text else "configuration")

    @property
    def revision(self) -> str:
        """The commit that the program was built from, where its image says so."""
        return self.environ.get(REVISION_VARIABLE, "")
