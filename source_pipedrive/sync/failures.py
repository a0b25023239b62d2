"""Errors that end a task although no answer was wrong, and sentences about what failed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import (
    REPORT,
    SYSTEM,
    TRANSIENT,
    BudgetError,
    PipedriveError,
    SyncError,
)

logger = logging.getLogger("airbyte")


class EndedError(Exception):
    """The stream has ended, and its run knows why. The reason itself is not raised: a reader would
    take it for the answer to its request."""


class UnneededError(EndedError):
    """The dependents that a list was read for have ended. This is no failure: others may have been
    released, and read the rest later."""


class StuckError(SyncError):
    """Nothing is under way, and streams have not ended."""

    brief = "cannot go on"


def ending(error: AirbyteTracedException, resumes: bool, source: str = "") -> str:
    """Why one stream is incomplete, for its line in the log. What ended the whole sync is reported
    once, in full; here, two words stand for it. resumes: whether the next sync resumes the stream;
    source: the stream that ended it with the same error, if the log has that in full.
    """
    is_brief = isinstance(error, SyncError) or bool(source)
    text = str(error)
    if isinstance(error, SyncError):
        text = error.brief
    elif source:
        text = f"needs {source}, which is incomplete"
    if isinstance(error, BudgetError) or error.failure_type is not TRANSIENT:
        return text
    what = "The next sync resumes it." if resumes else "The next sync reads it from the beginning."
    return f"{text}. {what}" if is_brief else f"{text} {what}"


def summary(failed: Mapping[str, AirbyteTracedException], restarting: Collection[str]) -> str:
    """A line for each reason, with the streams that it ended; first what ended the sync.

    failed: by stream; restarting: the streams that the next sync reads from the beginning.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name in sorted(failed, key=lambda name: (not isinstance(failed[name], SyncError), name)):
        error = failed[name]
        reason, link = str(error), ""
        if isinstance(error, PipedriveError):
            reason, link = error.reason, error.link
        groups.setdefault((reason, link), []).append(name)
    return "\n".join(
        f"Not read to the end: {', '.join(names)}. {reason}"
        f"{_what_is_next(failed[names[0]], names, restarting)}{link}"
        for (reason, link), names in groups.items()
    )


def _what_is_next(
    error: AirbyteTracedException, names: Sequence[str], restarting: Collection[str]
) -> str:
    """What the next sync does about streams that ended for a reason that passes."""
    if error.failure_type is not TRANSIENT:
        return ""
    again = [name for name in names if name in restarting]
    parts = [f"The next sync reads {', '.join(again)} from the beginning."] if again else []
    is_said = isinstance(error, PipedriveError) and error.says_what_is_next
    if len(again) < len(names) and not is_said:
        what = "the others" if again else "them" if len(names) > 1 else "it"
        parts.append(f"The next sync resumes {what}.")
    return "".join(f" {part}" for part in parts)


def absence(stream: str, why: str) -> str:
    """The sentence for an account that does not have a stream. why: as UnavailableAnswer words
    it."""
    return f"{stream}: {why}. Empty; safe to deselect."


def unexpected(stream: str, error: Exception) -> AirbyteTracedException:
    """The error for a bug in the connector, which must end its stream rather than hang it."""
    logger.error(f"{stream}: {type(error).__name__}", exc_info=error)
    return AirbyteTracedException(
        message=f'Reading "{stream}" failed: {type(error).__name__}. {REPORT}',
        internal_message=where(error),
        failure_type=FailureType.system_error,
    )


def stuck(streams: Iterable[str]) -> SyncError:
    """The error for a bug in the connector, which must end the sync rather than hang it. streams:
    those that have not ended."""
    names = ", ".join(sorted({*streams}))
    return StuckError(
        f"Nothing is left to do for {names}, which should have ended. {REPORT}", SYSTEM
    )


def where(error: Exception) -> str:
    """The type of an unexpected error and the place that raised it. Its message may quote a
    record."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
