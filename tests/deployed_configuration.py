"""A configuration that is deployed, tried by `check` on a machine that lacks its token."""

from pathlib import Path
from typing import Any

import yaml

from exporter.cli import command_line


def is_good(config: dict[str, Any], folder: Path, *, token: bool = True) -> bool:
    """Whether `check` takes the configuration, once its token file is one that is here.

    Args:
        token: whether it names the token of its only account.
    """
    if token:
        (folder / "token").write_text("dop_v1_test")
        config["digitalocean"]["token_file"] = str(folder / "token")
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(config))
    return command_line(["check", f"--config.file={file}"], {}) == 0
