"""The configuration file that a login writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from source_pipedrive.cli import unreadable
from source_pipedrive.config.errors import config_error
from source_pipedrive.tools.config_file import keep_tokens, overwrite, write

MODE = 0o600  # only the owner can read it
OLD_KEYS = ("api_token", "authorization")  # credentials of earlier shapes


class SavedConfig:
    """The file `path`. If it exists, everything in it but the credentials stays as it is.

    api_url: replaces that of the file unless "". Raises a config error if the file holds no
    configuration, or cannot be written.
    """

    def __init__(self, path: str, api_url: str) -> None:
        self.path = path
        self.is_saved = False
        self.config = _existing(path)
        self.replaces = bool(self.config)
        if api_url:
            self.config["api_url"] = api_url
        folder = Path(os.path.realpath(path)).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise config_error(
                f"{path} cannot be written: its folder does not exist, or may not be written to. "
                "Choose another file with --out."
            )

    @property
    def api_url(self) -> str:
        """The hidden setting for tests, or ""."""
        return str(self.config.get("api_url") or "").rstrip("/")

    def save(self, credentials: Mapping[str, str]) -> None:
        """Writes the file, which only its owner can read. Raises a config error."""
        for key in OLD_KEYS:
            self.config.pop(key, None)
        self.config["credentials"] = {"auth_type": "oauth2.0", **credentials}
        try:
            write(self.path, self.config, MODE)
        except OSError as error:
            if not overwrite(self.path, self.config, MODE):
                raise config_error(
                    f"{self.path} cannot be written: {error.strerror}. Run the command again with "
                    "another file as --out."
                ) from None
        self.is_saved = True

    def keep(self, issued: str) -> bool:
        """Saves the credentials again if Pipedrive has since replaced the refresh token `issued`.
        False if that fails."""
        return keep_tokens(self.path, self.config, issued)


def _existing(path: str) -> dict[str, Any]:
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable("config", path, error) from None
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise config_error(
            f"The file {path} exists and is not a JSON object. Move it, or choose another --out."
        )
    return config
