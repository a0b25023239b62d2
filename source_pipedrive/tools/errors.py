"""Errors that a sync shares with the tools, in words for a person who runs a tool."""

from __future__ import annotations

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import BudgetError
from source_pipedrive.http.words import AGAIN
from source_pipedrive.sync.messages import public

COMMAND_AGAIN = "Run the command again"


def sentence(error: AirbyteTracedException) -> str:
    """The reason and the remedy, without secrets."""
    text = error.outside if isinstance(error, BudgetError) else str(error)
    return public(text.replace(AGAIN, COMMAND_AGAIN))
