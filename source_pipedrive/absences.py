"""Answers that mean that this account does not have what was asked for."""

from __future__ import annotations

from source_pipedrive.http.errors import PipedriveError
from source_pipedrive.stream import Absence, Stream


def absence_of(row: Stream, error: PipedriveError) -> Absence | None:
    """The answer that the row knows to mean "this account does not have it", if it is one."""
    for absence in row.absent:
        if absence.matches(error.status, error.body):
            return absence
    return None
