"""What flags and environment variables say, and the configuration that comes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.config.load import load_config
from exporter.config.overrides import Override, apply_overrides, variable_of
from exporter.config.schema import Config
from exporter.logs.lines import message_of
from exporter.matching.decision import matcher_of
from exporter.matching.packs import PackedRules
from exporter.model import Rule

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

    @property
    def revision(self) -> str:
        """The commit that the program was built from, where its image says so."""
        return self.environ.get(REVISION_VARIABLE, "")

    def configuration(self, *, credentials: bool = True) -> Config:
        """The file's configuration, with what variables and flags put in its place.

        Args:
            credentials: whether token files and variables that the file names must be usable.

        Raises:
            ConfigError: it cannot be used; carries every fault.
        """
        environ = self.environ if credentials else None
        config = load_config(self.config_file, PackedRules(), _line_matcher_of, environ)
        addresses: Override | None = self._override("--web.listen-address", None)
        if self.listen_addresses:
            addresses = Override("--web.listen-address", self.listen_addresses)
        return apply_overrides(
            config,
            listen_addresses=addresses,
            telemetry_path=self._override("--web.telemetry-path", self.telemetry_path),
            web_config_file=self._override("--web.config.file", self.web_config_file),
        )

    def _override(self, flag: str, value: str | None) -> Override | None:
        """What was given for a flag, or else for its environment variable."""
        if value is not None:
            return Override(flag, value)
        variable = variable_of(flag)
        return Override(variable, self.environ[variable]) if self.environ.get(variable) else None


def _line_matcher_of(rule: Rule) -> Callable[[bytes], bool]:
    """What tells whether a rule matches a line, with the platform's prefix or without."""
    matches = matcher_of(rule)
    return lambda line: matches(message_of(line))
