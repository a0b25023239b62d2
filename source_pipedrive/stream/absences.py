"""Answers that mean that this account does not have what was asked for."""

from __future__ import annotations

import re

from source_pipedrive.http.errors import PipedriveError
from source_pipedrive.stream.definition import Absence, Stream


def absence_of(row: Stream, error: PipedriveError) -> Absence | None:
    """The answer that the row knows to mean "this account does not have it", if it is one."""
    for absence in row.absent:
        if absence.status == error.status and re.search(absence.body, error.body):
            return absence
    return None
