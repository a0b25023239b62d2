"""Errors that end a task although no answer was wrong, and sentences about what failed."""

from __future__ import annotations

import logging

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import PipedriveError, words

logger = logging.getLogger("airbyte")


class EndedError(Exception):
    """The stream has ended, and its run knows why. The reason itself is not raised: a reader would
    take it for the answer to its request."""


class UnneededError(EndedError):
    """The dependents that a list was read for have ended. This is no failure: others may have been
    released, and read the rest later."""


def absence(stream: str, answer: PipedriveError) -> str:
    """The sentence for an account that does not have a stream."""
    return (
        f"{stream}: this account does not have it. Pipedrive answered {answer.status}: "
        f'"{words(answer.body)}"'
    )


def unexpected(stream: str, error: Exception) -> AirbyteTracedException:
    """The error for a bug in the connector, which must end its stream rather than hang it."""
    logger.error(f"{stream}: {type(error).__name__}", exc_info=error)
    return AirbyteTracedException(
        message=f'Reading "{stream}" failed: {type(error).__name__}. Please report this line.',
        internal_message=repr(error),
        failure_type=FailureType.system_error,
    )
