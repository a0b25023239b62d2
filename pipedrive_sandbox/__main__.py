"""`python -m pipedrive_sandbox`: serve until interrupted. `--help` lists the options."""

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
    except (ValueError, OSError) as error:
        raise SystemExit(f"pipedrive_sandbox: {error}") from error
    box.service.warm()
    gc.freeze()  # the collector need not look at the records again and again
    over = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
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
        over.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pipedrive_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    add_to(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
