"""Whether a sync that a token budget has stopped may end without an error.

Airbyte takes exit code 0 for "every stream is complete", whatever their statuses say. It then
removes the earlier rows of each stream that it replaces: those read in full, and those of a refresh
that removes records (`minimum_generation_id` in the catalog). So none of these may be incomplete:
https://docs.airbyte.com/platform/operator-guides/refreshes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteStream, DestinationSyncMode

from source_pipedrive.http.errors import BudgetError
from source_pipedrive.reading.children import Children
from source_pipedrive.sync.failures import logger
from source_pipedrive.sync.status import RunStatus


@dataclass(frozen=True)
class BudgetStop:
    """succeeds: whether the user prefers no error; replaced: the streams whose earlier rows the
    destination removes at the end of a sync that succeeds."""

    succeeds: bool = False
    replaced: frozenset[str] = frozenset()

    def is_success(self, runs: Iterable[RunStatus[Any]]) -> bool:
        """Whether a sync with incomplete `runs` succeeds: a budget alone stopped each of them, and
        no row is lost or missing for good. Logs which streams prevent that."""
        incomplete = [run for run in runs if run.error is not None]
        if not self.succeeds or not all(map(_only_budget, incomplete)):
            return False
        if names := [run.stream.name for run in incomplete if not self._resumes(run)]:
            logger.warning(
                'This sync fails although budget_stop is "succeed": the budget has stopped it in '
                f"{', '.join(sorted(names))}, and half of what replaces a table must not look like "
                "the whole."
            )
        return not names

    def _resumes(self, run: RunStatus[Any]) -> bool:
        return not must_be_whole(run) and run.stream.name not in self.replaced


def is_replaced(configured: ConfiguredAirbyteStream) -> bool:
    """Whether a refresh removes the stream's earlier rows. PyAirbyte's catalogs look like one, but
    it merges; they combine "incremental" with "overwrite", which Airbyte's never do."""
    is_pyairbyte = configured.destination_sync_mode is DestinationSyncMode.overwrite
    return bool(configured.minimum_generation_id) and not is_pyairbyte


def must_be_whole(run: RunStatus[Any]) -> bool:
    """Whether a stream is of use only if one sync reads it from its beginning to its end."""
    return run.reader.full_refresh or not run.reader.resumes


def _only_budget(run: RunStatus[Any]) -> bool:
    """Whether nothing else is wrong with an incomplete stream, such as parents that Pipedrive did
    not answer for before the budget was spent."""
    is_parked = isinstance(run.reader, Children) and run.reader.refusals.parked is not None
    return isinstance(run.error, BudgetError) and not is_parked
