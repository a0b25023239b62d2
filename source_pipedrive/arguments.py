"""The command line of the protocol."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from source_pipedrive import __version__

COMMANDS = {
    "spec": "print the form of the configuration",
    "check": "say whether the configuration works, and what it lets a sync read",
    "discover": "print the catalog of streams",
    "read": "print the records and states of one sync",
}
CONFIG = "JSON file with the configuration"
CATALOG = "JSON file with the configured catalog: the streams to read"
STATE = "JSON file with the states that the last sync left"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command that `argv`, or else the command line, names, and its files.

    Exits with 0 after --help and --version, and with 2, and the usage on standard error, where
    there is no command or a wrong one.
    """
    argv = sys.argv[1:] if argv is None else argv
    # A reader that has seen enough of the help ends the program; of records, see Writer.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main = parser()
    if not argv:
        main.print_help(sys.stderr)
        main.exit(2)
    arguments = main.parse_args(argv)
    # Or a connection that Pipedrive closes would end it, too.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return arguments


def parser() -> argparse.ArgumentParser:
    """Commands and options as Airbyte gives them."""
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--debug", action="store_true", help="log every request")
    main = argparse.ArgumentParser(
        "source-pipedrive", description="Reads a Pipedrive company, in the Airbyte protocol."
    )
    main.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = main.add_subparsers(title="commands", dest="command", required=True)
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about, parents=[every])
        if name != "spec":
            command.add_argument("--config", required=True, metavar="FILE", help=CONFIG)
        if name == "read":
            command.add_argument("--catalog", required=True, metavar="FILE", help=CATALOG)
            command.add_argument("--state", metavar="FILE", help=STATE)
    return main
