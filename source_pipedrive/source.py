"""SourcePipedrive: spec, check, discover and read of the Airbyte protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    Status,
    SyncMode,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.access import (
    Access,
    by_reason,
    check_access,
    partial_access,
    user_permissions,
)
from source_pipedrive.config.errors import config_error
from source_pipedrive.config.legacy import migrate
from source_pipedrive.config.model import specification
from source_pipedrive.config.parsing import parse
from source_pipedrive.fields.columns import discovered, with_columns
from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.http.company import Company, connect
from source_pipedrive.http.waiting import Waiting
from source_pipedrive.reading.instants import rfc3339, seconds_of
from source_pipedrive.reading.messages import AsMessages, Encoder
from source_pipedrive.reading.pages import all_rows
from source_pipedrive.reading.reader import T
from source_pipedrive.reading.shaping import Fields
from source_pipedrive.reading.sync import Run, Selection
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS

logger = logging.getLogger("airbyte")

CHECK_TRIES = 2
NO_ACCESS = (
    "These credentials are valid but give no access to the company's data. Give the app scopes and "
    "reconnect it, or use the credentials of a user who has access."
)


class SourcePipedrive(Source):
    """Pipedrive, the sales CRM, as an Airbyte source."""

    @property
    def name(self) -> str:
        """The name in metadata.yaml."""
        return "source-pipedrive"

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """The form that a user fills in."""
        return specification()

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The configuration in today's shape, even if it was written for another connector."""
        return migrate(config)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether the credentials are valid. Logs what they can read. Costs 12 tokens."""
        try:
            parsed = parse(config)
            client, company = connect(parsed, CHECK_TRIES, prove=True)
            parsed.history.since(company.at)
            rows = list(STREAMS.values())
            permissions = user_permissions(client, company, rows)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        _warn(company, rows)
        checks = {row.name: check_access(row, company, permissions) for row in rows}
        for reason in by_reason(checks, Access.DENIED):
            logger.warning(f"Cannot be read with these credentials: {reason}.")
        for reason in by_reason(checks, Access.UNKNOWN):
            logger.info(f"Not checked: {reason}.")
        readable = [c for c in checks.values() if c.access is Access.READABLE]
        logger.info(
            f"{len(readable)} of {len(rows)} streams can be read. This check used "
            f"{client.usage.tokens} API tokens."
        )
        data = [row for row in rows if row.needs.app or row.needs.permission]
        if all(checks[row.name].access is Access.DENIED for row in data):
            return AirbyteConnectionStatus(status=Status.FAILED, message=NO_ACCESS)
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """All streams in alphabetical order, with a column for each custom field.

        Costs 2 tokens and about 10 for each kind of object that has custom fields. Raises
        AirbyteTracedException if the definitions cannot be read at the moment: without them, a
        schema refresh would drop columns.
        """
        parsed = parse(config)
        rows = STREAMS.values()
        if parsed.custom_fields == "raw":
            return AirbyteCatalog(streams=[catalog_entry(row, row.schema) for row in rows])
        client, _ = connect(parsed)
        definitions = Definitions(partial(all_rows, client), strict=True)
        schemas = {}
        for row in rows:
            columns = discovered(row, definitions) if row.has_custom_fields else []
            schemas[row.name] = with_columns(row, columns, parsed.labels)
        logger.info(f"Discovered {len(rows)} streams for {client.usage.tokens} API tokens.")
        return AirbyteCatalog(streams=[catalog_entry(row, schemas[row.name]) for row in rows])

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Yields the messages of one sync."""
        return self.run(config, catalog, state or [], AsMessages())

    def run(
        self,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: Sequence[AirbyteStateMessage],
        encoder: Encoder[T],
        meanwhile: Callable[[], None] = lambda: None,
        waiting: Waiting | None = None,
    ) -> Iterator[T]:
        """Yields the messages of one sync, rendered by `encoder`.

        `meanwhile` is called between pages. `waiting.stop()` ends the sync after the pages in
        progress. Raises AirbyteTracedException: before the first message, a config error that the
        user has to fix; at the end, an error if a stream is incomplete.
        """
        parsed = parse(config)
        states = ConnectorStateManager(list(state))
        for gone in sorted(s.name for s in states.per_stream_states if s.name not in STREAMS):
            logger.warning(f"Ignoring the state of {gone}: this stream no longer exists.")
        selected = [select(stream, states) for stream in catalog.streams]
        waiting = waiting or Waiting()
        client, company = connect(parsed, sleep=waiting)
        if waiting.stopped:  # no stream has started yet, so none has to be ended
            raise waiting.error()
        lower = seconds_of(parsed.history.since(company.at))
        _warn(company, [selection.row for selection in selected])
        logger.info(f"Reading {len(selected)} streams, with history from {rfc3339(lower)} on.")
        workers = parsed.num_workers
        fields = None
        if parsed.custom_fields != "raw":
            fields = Fields(Definitions(partial(all_rows, client)), parsed.labels)
        yield from Run(
            client, company, selected, encoder, lower, workers, waiting, meanwhile, fields
        )


def catalog_entry(row: Stream, schema: dict[str, Any]) -> AirbyteStream:
    """The catalog's entry for a stream."""
    modes = [SyncMode.full_refresh, *([SyncMode.incremental] if row.cursor_field else [])]
    return AirbyteStream(
        name=row.name,
        json_schema=schema,
        supported_sync_modes=modes,
        source_defined_cursor=True if row.cursor_field else None,
        default_cursor_field=[row.cursor_field] if row.cursor_field else None,
        source_defined_primary_key=[[part] for part in row.key],
        is_resumable=bool(row.cursor_field),
    )


def select(stream: ConfiguredAirbyteStream, states: ConnectorStateManager) -> Selection:
    """What the configured catalog selects of one stream. Raises a config error if it is unknown."""
    name = stream.stream.name
    row = STREAMS.get(name)
    if row is None:
        raise config_error(
            f'The catalog selects "{name}", which is not a stream of this connector. '
            "Refresh the schema of the connection."
        )
    incremental = stream.sync_mode is SyncMode.incremental and row.cursor_field is not None
    saved = states.get_stream_state(name, None)
    return Selection(row, saved, not incremental, stream.stream.json_schema or {})


def _warn(company: Company, rows: Sequence[Stream]) -> None:
    """Logs what these credentials show only part of."""
    if (finding := partial_access(company, rows)) is not None:
        is_warning, sentence = finding
        logger.log(logging.WARNING if is_warning else logging.INFO, sentence)
