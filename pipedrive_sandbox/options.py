"""The options of a sandbox, whether started by a test, the command line or the demo."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self, get_args

from .clock import moment, zulu
from .data.plans import Company
from .switches import NAMES, Value

_SHORTHANDS = ("rate_limit", "daily_tokens", "latency_ms")  # switches with their own option


@dataclass(frozen=True)
class Options:
    """How to create a sandbox. The same seed and clock produce the same bytes.

    `scale` 1 is a company with about 2,000 deals; `deals` overrides the number of listed deals.
    `clock` freezes time (RFC 3339 or seconds since 1970); without it time is real.
    `fields="test"` defines custom fields of every type, some with awkward names. `switches` are
    the values that differ from the defaults in `Switches`.
    """

    seed: int = 1
    scale: float = 1.0
    clock: str | float | None = None
    deals: int | None = None
    fields: Company = "small"
    switches: Mapping[str, Value] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """These options as arguments of `python -m pipedrive_sandbox`."""
        words = ["--seed", f"{self.seed}", "--scale", f"{self.scale}", "--fields", self.fields]
        if self.clock is not None:
            words += ["--clock", zulu(moment(self.clock))]
        if self.deals is not None:
            words += ["--deals", f"{self.deals}"]
        for name, value in self.switches.items():
            text = f"{value}".lower() if isinstance(value, bool) else f"{value}"
            words += ["--switch", f"{name}={text}"]
        return words

    @classmethod
    def of(cls, parsed: Namespace) -> Self:
        """Read the options from the result of a parser that `add_to` extended."""
        given = {name: getattr(parsed, name) for name in _SHORTHANDS}
        short = {name: value for name, value in given.items() if value is not None}
        return cls(
            parsed.seed,
            parsed.scale,
            parsed.clock,
            parsed.deals,
            parsed.fields,
            {**_switches(parsed.switch), **short},
        )


def add_to(parser: ArgumentParser) -> None:
    """Add every option to `parser`; `Options.of` reads them from its result."""
    parser.add_argument("--seed", type=int, default=1, help="random seed of the records (1)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the company; 1 has about 2,000 deals (1)"
    )
    parser.add_argument("--deals", type=int, help="number of listed deals, at any scale")
    parser.add_argument(
        "--fields",
        default="small",
        choices=get_args(Company),
        help="custom fields: small: a few; test: every type, awkward names, 300 deal fields; "
        "forty: as test, with 40 deal fields (small)",
    )
    parser.add_argument("--clock", help="freeze time, e.g. at 2026-11-23T10:00:00Z")
    parser.add_argument("--rate-limit", type=int, help="requests allowed in any 2 seconds (80)")
    parser.add_argument("--daily-tokens", type=int, help="API tokens per day (150000)")
    parser.add_argument("--latency-ms", type=float, help="delay before every response (0)")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"set a switch (repeatable); the names are: {', '.join(NAMES)}",
    )


def _switches(texts: Iterable[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SystemExit(f"--switch {text}: write NAME=VALUE")
        found[name] = value
    return found
