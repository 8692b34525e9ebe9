"""The systemd unit: valid, hardened, and with paths that fit its configuration."""

import re
import subprocess
from pathlib import Path

import yaml
from deployed_configuration import is_good
from programs import requires

SYSTEMD = Path(__file__).parent.parent / "deploy" / "systemd"
UNIT = SYSTEMD / "do-app-exporter.service"

MOST_EXPOSED = 2.0
"""The exposure level (0 to 10) that systemd may find at the most."""


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@requires("systemd-analyze")
def test_unit_is_valid(tmp_path: Path):
    """systemd finds nothing wrong with the unit once the program is where it says."""
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/do-app-exporter/bin/do-app-exporter", "/bin/true"))
    verified = systemd_analyze("verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stderr) == (0, "")


@requires("systemd-analyze")
def test_unit_is_hardened():
    """What systemd itself thinks of the unit's exposure."""
    told = systemd_analyze("security", "--offline=yes", "--no-pager", str(UNIT)).stdout
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert level is not None, told
    assert float(level[1]) <= MOST_EXPOSED


def test_paths_of_unit_and_configuration_agree(tmp_path: Path):
    """The token is the unit's credential, the state lies in its state directory, `check` agrees."""
    unit = UNIT.read_text(encoding="utf-8")
    config = yaml.safe_load((SYSTEMD / "config.yml").read_text(encoding="utf-8"))
    credential = re.search(r"^LoadCredential=(\w+):", unit, re.MULTILINE)
    assert credential is not None
    token_file = f"/run/credentials/{UNIT.name}/{credential[1]}"
    assert config["digitalocean"]["token_file"] == token_file
    folder = re.search(r"^StateDirectory=(\S+)", unit, re.MULTILINE)
    assert folder is not None
    assert config["state"]["url"] == f"sqlite:///var/lib/{folder[1]}/state.db"
    assert is_good(config, tmp_path)
