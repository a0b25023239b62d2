"""Creates a virtual environment and installs this package into it, with one line of progress.

Started by the Makefile as a file, before anything is installed: only the standard library may be
imported, and nothing from this package.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

STOPPED = 130  # what a shell reports after Ctrl-C
LOOKS_EVERY = 0.5  # seconds
# Words of pip and urllib3 when the package index does not answer.
NO_NETWORK = re.compile(
    "NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|"
    r"Connection refused|Network is unreachable|Max retries exceeded|\(from versions: none\)"
)


class Installation:
    """Installs the extra `extra` of the package in the working directory into `folder`."""

    def __init__(self, folder: Path, extra: str, what: str) -> None:
        self._python = folder / "bin" / "python"
        self._folder = folder
        self._log = folder / "install.log"
        self._extra = extra
        self._what = what
        self._terminal = sys.stdout.isatty()
        self._started = time.monotonic()

    def run(self) -> str:
        """Create the environment if there is none and install into it.

        Returns why that failed, in one sentence with a remedy, or "". Standard output gets one
        line; on a terminal it is updated in place.
        """
        _write(self._what if self._terminal else f"{self._what}.\n")
        self._folder.mkdir(exist_ok=True)
        with self._log.open("w") as log:
            failed = not self._has_pip() and self._wait(log, self._new_environment())
            failed = failed or self._wait(log, self._pip())
        if self._terminal:
            _write("\r\x1b[K")
        if failed:
            return f"{reason(self._log.read_text())} The details are in {self._log}."
        if self._terminal:
            _write(f"Installed in {self._seconds()} s.\n")
        return ""

    def _has_pip(self) -> bool:
        """Whether an earlier run finished the environment."""
        if not self._python.exists():
            return False
        command = [str(self._python), "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _new_environment(self) -> list[str]:
        return [sys.executable, "-m", "venv", str(self._folder)]

    def _pip(self) -> list[str]:
        install = "-m pip install --disable-pip-version-check --no-input --progress-bar off"
        package = ["-c", "constraints.txt", "-e", f".[{self._extra}]"]
        return [str(self._python), *install.split(), *package]

    def _wait(self, log: IO[str], command: list[str]) -> bool:
        """Run `command`, showing its progress on a terminal; return whether it failed."""
        with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
            while process.poll() is None:
                if self._terminal:
                    _write(f"\r\x1b[K{self._what}: {self._progress()}{self._seconds()} s")
                time.sleep(LOOKS_EVERY)
        return bool(process.returncode)

    def _progress(self) -> str:
        text = self._log.read_text()
        if "Installing collected packages" in text:
            return "unpacking, "
        found = len(re.findall("^(?:Collecting|Processing) ", text, re.MULTILINE))
        return f"{found} packages, " if found else ""

    def _seconds(self) -> int:
        return round(time.monotonic() - self._started)


def reason(log: str) -> str:
    """Why pip or venv failed, from their output, and what to do about it."""
    if "ensurepip is not available" in log:
        return (
            "This Python lacks its venv module: install it (on Debian and Ubuntu, "
            "apt-get install python3-venv), then try again."
        )
    if NO_NETWORK.search(log):
        return (
            "The package index cannot be reached: check the network (behind a proxy, set "
            "HTTPS_PROXY), then try again."
        )
    errors = re.findall("^ *ERROR: (.+)", log, re.MULTILINE) or ["no reason given"]
    return f"The packages could not be installed: {errors[-1].rstrip('.')}."


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Take the environment's folder, the extra and the line to show; return 0 or 1."""
    folder, extra, what = argv
    try:
        failure = Installation(Path(folder), extra, what).run()
    except KeyboardInterrupt:
        _write("\nStopped. The next run resumes.\n")
        return STOPPED
    except OSError as error:
        failure = f"{folder} cannot be written: {error.strerror}."
    if failure:
        sys.stderr.write(failure + "\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
