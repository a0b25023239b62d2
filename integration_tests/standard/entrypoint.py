"""Entrypoint of this folder's image: a sandbox on loopback, then the connector.

The arguments, standard output and the exit code belong to the connector alone.
"""

import os
import subprocess
import sys

SANDBOX = (sys.executable, "-m", "pipedrive_sandbox", "--port", "8080", "--fields", "test")
SIZE = ("--scale", "0.05", "--rate-limit", "100000")


def main() -> int:
    """Runs the connector with this process's arguments; returns its exit code."""
    with subprocess.Popen([*SANDBOX, *SIZE], cwd="/sandbox", stdout=subprocess.PIPE) as sandbox:
        assert sandbox.stdout is not None
        try:
            if not sandbox.stdout.readline():  # its first line means that it is ready
                raise SystemExit("the sandbox did not start")
            return subprocess.call([*os.environ["AIRBYTE_ENTRYPOINT"].split(), *sys.argv[1:]])
        finally:
            sandbox.terminate()


if __name__ == "__main__":
    sys.exit(main())
