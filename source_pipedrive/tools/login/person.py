"""The person who logs in, at a terminal and with a browser."""

from __future__ import annotations

import contextlib
import getpass
import os
import select
import sys
import threading
import webbrowser
from collections.abc import Mapping

from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from source_pipedrive.config.errors import config_error

SECRET = "PIPEDRIVE_CLIENT_SECRET"


class Person:
    """Reads standard input, from the file descriptor `stdin`."""

    def __init__(self, environment: Mapping[str, str] = os.environ, stdin: int = 0) -> None:
        self._environment = environment
        self._stdin = stdin
        self._read = b""

    def secret(self) -> str:
        """The client secret, from the environment or else from a prompt that does not show it.
        From now on, no output contains it. Raises a config error if there is none."""
        secret = self._environment.get(SECRET, "").strip()
        if not secret:
            if not os.isatty(self._stdin):
                raise config_error(
                    f"There is no terminal to ask for the client secret: put it into the "
                    f"environment variable {SECRET}."
                )
            with contextlib.suppress(EOFError):
                secret = getpass.getpass("Client secret (it is not shown): ").strip()
        if not secret:
            raise config_error("No client secret was entered.")
        add_to_secrets(secret)
        return secret

    def open(self, address: str) -> bool:
        """Opens a browser, in the background. False if there is no display to show it on."""
        displays = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
        if sys.platform != "darwin" and not any(map(self._environment.get, displays)):
            # Without a display, Python would start a browser for text in this terminal.
            return False
        # Some browsers keep their caller waiting until they are closed.
        threading.Thread(target=_open, args=(address,), name="browser", daemon=True).start()
        return True

    def line(self, seconds: float) -> str | None:
        """The next line of input with its end; None if none came in time, "" if none will."""
        while b"\n" not in self._read:
            if not select.select([self._stdin], [], [], seconds)[0]:
                return None
            found = os.read(self._stdin, 65_536)
            if not found:
                rest, self._read = self._read, b""
                return rest.decode(errors="replace")
            self._read += found
        line, _, self._read = self._read.partition(b"\n")
        return line.decode(errors="replace") + "\n"


def _open(address: str) -> None:
    # The terminal shows the address anyway, so no failure matters.
    with contextlib.suppress(Exception):
        webbrowser.open(address)
