"""Whether a sync that a token budget has stopped may end without an error.

Airbyte takes exit code 0 for "every stream is complete", whatever their statuses say. It then
removes the earlier rows of each stream that it replaces: those read in full, and those of a refresh
that removes records (`minimum_generation_id` in the catalog). So none of these may be incomplete:
https://docs.airbyte.com/platform/operator-guides/refreshes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteStream, DestinationSyncMode

from source_pipedrive.http.errors import BudgetError
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
        no row is lost. Logs what prevents that, unless the sync's error says it."""
        incomplete = [run for run in runs if run.error is not None]
        if not self.succeeds or not all(isinstance(run.error, BudgetError) for run in incomplete):
            return False
        obstacles = [*self._obstacles(incomplete)]
        for sentence in obstacles:
            logger.warning(f'This sync fails although budget_stop is "succeed". {sentence}')
        return not obstacles

    def _obstacles(self, stopped: Sequence[RunStatus[Any]]) -> Iterator[str]:
        """Why a sync that a budget has stopped in these streams may not succeed."""
        names = [
            run.stream.name
            for run in stopped
            if must_be_whole(run) or run.stream.name in self.replaced
        ]
        if names:
            yield (
                f"The budget stopped it in {', '.join(sorted(names))}: what replaces a table has "
                "to be read to its end. Deselect such streams, or allow the sync more tokens."
            )
        for run in stopped:  # the budget is not the only reason why something is missing
            if (error := run.reader.fault) is not None:
                yield f"{run.stream.name}: {error}"


def is_replaced(configured: ConfiguredAirbyteStream) -> bool:
    """Whether a refresh removes the stream's earlier rows. PyAirbyte's catalogs look like one, but
    it merges; they combine "incremental" with "overwrite", which Airbyte's never do."""
    is_pyairbyte = configured.destination_sync_mode is DestinationSyncMode.overwrite
    return bool(configured.minimum_generation_id) and not is_pyairbyte


def must_be_whole(run: RunStatus[Any]) -> bool:
    """Whether a stream is of use only if one sync reads it from its beginning to its end."""
    return run.reader.full_refresh or not run.reader.resumes
