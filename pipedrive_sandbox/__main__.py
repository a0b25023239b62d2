"""`python -m pipedrive_sandbox`: serve until interrupted. `--help` lists the options."""

from __future__ import annotations

import argparse
import gc
import json
import signal
import sys
from threading import Event
from typing import get_args

from .data.plans import Company
from .sandbox import Sandbox
from .switches import NAMES


def main(argv: list[str]) -> int:
    """Print one JSON line (url and credentials) when ready, then serve until SIGINT or SIGTERM."""
    options = _parser().parse_args(argv)
    switches: dict[str, str | int | float] = {}
    for text in options.switch:
        name, equals, value = text.partition("=")
        if not equals:
            raise SystemExit(f"--switch {text}: write NAME=VALUE")
        switches[name] = value
    shorthands = ("rate_limit", "daily_tokens", "latency_ms")
    switches.update(
        {name: getattr(options, name) for name in shorthands if getattr(options, name) is not None}
    )
    try:
        box = Sandbox(
            options.seed,
            options.scale,
            options.clock,
            options.deals,
            options.port,
            options.fields,
            **switches,
        )
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
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="1 has about 2,000 deals")
    parser.add_argument("--deals", type=int, help="so many listed deals, whatever the scale")
    parser.add_argument(
        "--fields",
        default="small",
        choices=get_args(Company),
        help="custom fields; test: every type, 300 of deals, hard names",
    )
    parser.add_argument("--clock", help="freeze time, e.g. 2026-11-23T10:00:00Z")
    parser.add_argument("--rate-limit", type=int, help="requests in any 2 seconds (80)")
    parser.add_argument("--daily-tokens", type=int, help="the company's budget (150000)")
    parser.add_argument("--latency-ms", type=float, help="before every answer (0)")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"repeatable; names: {', '.join(NAMES)}",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
