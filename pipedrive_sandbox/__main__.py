"""A local Pipedrive with made-up data. Serves until it is interrupted.

When it is ready it prints one JSON line with its URL and credentials.
"""

from __future__ import annotations

import argparse
import gc
import json
import signal
import sys
from threading import Event

from .options import Options, add_to
from .sandbox import Sandbox


def main(argv: list[str]) -> int:
    """Print one JSON line (url and credentials) when ready, then serve until SIGINT or SIGTERM."""
    parsed = _parser().parse_args(argv)
    options = Options.of(parsed)
    try:
        box = Sandbox(options, parsed.port)
    except ValueError as error:
        raise SystemExit(f"pipedrive_sandbox: {error}") from error
    except OSError as error:
        raise SystemExit(
            f"pipedrive_sandbox: cannot listen on port {parsed.port}: {error.strerror}. "
            "Choose another with --port; 0 picks a free one."
        ) from error
    box.service.warm()
    gc.freeze()  # so that the collector does not scan the records over and over
    interrupted = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    with box:
        ready = {
            "url": box.url,
            "api_token": box.api_token,
            "client_id": box.client_id,
            "client_secret": box.client_secret,
            "refresh_token": box.refresh_token,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        interrupted.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pipedrive_sandbox", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=8080, help="port to listen on; 0 picks a free one (8080)"
    )
    add_to(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
