"""The configuration file that a tool reads, and writes again if Pipedrive replaces its tokens."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint

from source_pipedrive.cli import load_config
from source_pipedrive.config.model import specification
from source_pipedrive.source import SourcePipedrive

UNSAVED = (
    "Pipedrive has issued a new refresh token, and {path} cannot be written, so the old one in it "
    "may be void. Make the file writable, or connect to Pipedrive again."
)


def load(path: str) -> dict[str, Any]:
    """The configuration in today's shape. From now on, no output contains its secrets. Raises a
    config error if the file holds none."""
    config = dict(load_config(SourcePipedrive(), path))
    AirbyteEntrypoint.set_up_secret_filter(config, specification().connectionSpecification)
    return config


def keep_tokens(path: str, config: Mapping[str, Any], before: str) -> bool:
    """Saves the credentials if the refresh token is no longer `before`. False if that fails."""
    if refresh_token(config) == before:
        return True
    try:
        mode = os.stat(path).st_mode & 0o777
        write(path, config, mode)
    except OSError:
        return overwrite(path, config)
    return True


def overwrite(path: str, config: Mapping[str, Any], mode: int | None = None) -> bool:
    """Writes into the file where it cannot be replaced: its folder is read-only, or the file is a
    mount of its own, as with `docker run -v config.json:/config.json`. The old token is void
    anyway, so a crash loses nothing that is still good. mode: set before, if given. False if that
    fails."""
    text = _as_text(config)
    try:
        if mode is not None:
            os.chmod(path, mode)
        with open(path, "r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()
    except OSError:
        return False
    return True


def refresh_token(config: Mapping[str, Any]) -> str:
    """The refresh token, or "" if there is none."""
    credentials = config.get("credentials")
    return str(credentials.get("refresh_token") or "") if isinstance(credentials, Mapping) else ""


def write(path: str, config: Mapping[str, Any], mode: int = 0o600) -> None:
    """Replaces the file in one step, so that a crash leaves the old one or the new one. Raises
    OSError."""
    target = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_as_text(config))
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _as_text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
