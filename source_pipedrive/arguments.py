"""The command line: the four verbs of the Airbyte protocol, and the tools for a person."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from source_pipedrive import __version__
from source_pipedrive.stream_sets import SETS

COMMANDS = {
    "spec": "print the configuration form",
    "check": "test the configuration and report what it can read",
    "discover": "print the catalog of streams",
    "read": "run one sync and print its records and states",
}
TOOLS = {
    "catalog": "write the configured catalog that read takes, for a named set of streams",
    "estimate": "say how many records a first sync reads and how many API tokens it costs, for at "
    "most 150 tokens",
    "login": "connect an OAuth app to a company in the browser, and write the configuration",
    "probe": "ask your account what Pipedrive does not document, for at most 600 API tokens, and "
    "write a report that can be published",
}
EXAMPLES = {
    "catalog": "--config config.json --set core > catalog.json",
    "estimate": "--config config.json --set all",
    "login": "--client-id 0123456789abcdef. The client secret is asked for, or taken from the "
    "environment variable PIPEDRIVE_CLIENT_SECRET.",
    "probe": "--config config.json --out report",
}
CONFIG = "JSON file with the configuration"
CATALOG = "JSON file with the configured catalog: the streams to read"
STATE = "JSON file with the states of the last sync"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command and its files, from `argv` or else sys.argv.

    Exits with 0 after --help and --version. Exits with 2 and prints the usage to standard error if
    the command is missing or wrong.
    """
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--"]:  # Meltano's tap-airbyte-wrapper puts it before the command
        argv = argv[1:]
    # If a pipe such as `--help | head` closes, end quietly. For records, see stdout.Writer.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main = parser()
    if not argv:
        main.print_help(sys.stderr)
        main.exit(2)
    arguments = main.parse_args(argv)
    if arguments.command == "probe" and not (arguments.plan or arguments.config):
        main.error("probe needs --config FILE, or --plan to see what it would ask")
    # Otherwise a connection that Pipedrive closes would end the program too.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return arguments


def parser() -> argparse.ArgumentParser:
    """The commands and options that Airbyte uses, and those of the tools."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="log every request")
    main = argparse.ArgumentParser(
        "source-pipedrive",
        description="Reads a Pipedrive company. spec, check, discover and read speak the Airbyte "
        "protocol; the other commands are for you.",
    )
    main.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = main.add_subparsers(title="commands", dest="command", required=True)
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about, parents=[shared])
        if name != "spec":
            command.add_argument("--config", required=True, metavar="FILE", help=CONFIG)
        if name == "read":
            command.add_argument("--catalog", required=True, metavar="FILE", help=CATALOG)
            command.add_argument("--state", metavar="FILE", help=STATE)
    for name, about in TOOLS.items():
        example = f"Example: source-pipedrive {name} {EXAMPLES[name]}"
        tool = commands.add_parser(
            name, help=about, description=about, epilog=example, parents=[shared]
        )
        tool.add_argument("--json", action="store_true", help="print JSON, for programs")
        OPTIONS[name](tool)
    return main


def _catalog(tool: argparse.ArgumentParser) -> None:
    tool.add_argument("--config", required=True, metavar="FILE", help=CONFIG)
    _streams(tool)


def _estimate(tool: argparse.ArgumentParser) -> None:
    tool.add_argument("--config", required=True, metavar="FILE", help=CONFIG)
    streams = _streams(tool)
    streams.add_argument("--catalog", metavar="FILE", help="the streams of this configured catalog")


def _streams(tool: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    about = "core: what most warehouses need (the default); sales: sales analytics; all: everything"
    streams = tool.add_mutually_exclusive_group()
    streams.add_argument("--set", choices=SETS, default="core", help=about)
    streams.add_argument(
        "--streams", nargs="+", metavar="NAME", help="these streams instead of a set"
    )
    return streams


def _login(tool: argparse.ArgumentParser) -> None:
    tool.add_argument("--client-id", required=True, metavar="ID", help="the app's client ID")
    port = "the port of the app's callback URL, http://localhost:PORT/callback (default: 8085)"
    tool.add_argument("--port", type=_port, default=8085, help=port)
    other = "the app's callback URL if it is another one; you paste the address that it leads to"
    tool.add_argument("--callback-url", metavar="URL", help=other)
    out = "the configuration file to write (default: config.json); if it exists, only its "
    out += "credentials are replaced"
    tool.add_argument("--out", metavar="FILE", default="config.json", help=out)
    tool.add_argument("--no-browser", action="store_true", help="only print the address to open")
    tool.add_argument("--api-url", default="", help=argparse.SUPPRESS)  # for tests


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _probe(tool: argparse.ArgumentParser) -> None:
    tool.add_argument("--config", metavar="FILE", help=f"{CONFIG}; required without --plan")
    tool.add_argument("--out", metavar="FOLDER", help="write probe.json and probe.md there, too")
    tool.add_argument("--plan", action="store_true", help="print what it would ask, and stop")


OPTIONS = {"catalog": _catalog, "estimate": _estimate, "login": _login, "probe": _probe}
